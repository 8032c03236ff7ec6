"""How long work says where it is: one small interface, shown as a bar, as JSON lines or not at all.

Inside, everything that happens in a run is an event, a JSON-able dict with the name of its stage:

    {"event": "stage", "stage", "action": "run"|"resume"|"cached", "reason"}    a stage begins
    {"event": "start", "stage", "label", "total", "unit", "done"}               a task of it begins
    {"event": "progress", "stage", "label", "done", "total", "unit", "info"}    it goes on
    {"event": "note"|"warning", "stage", "message"}
    {"event": "done", "stage", "seconds", "memory_mb"}                          a stage is finished

`EventProgress` turns a stage's reports into events; a display shows them (`vidgan.display`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

Event = dict[str, Any]
Emit = Callable[[Event], None]


class Progress(Protocol):
    """Where a stage reports to. One task at a time: `start`, then `advance` until `total`, or the next `start`."""

    def start(self, label: str, total: float | None, unit: str = "frames", done: float = 0) -> None:
        """Begin a task of `total` units (None: unknown), `done` of them already there from an earlier run."""

    def advance(self, amount: float = 1, **info: float | str) -> None:
        """Report `amount` more units done, with a few values to show beside the bar."""

    def note(self, message: str) -> None:
        """Say a fact worth a line (the device chosen, the encoder, a resume)."""

    def warn(self, message: str) -> None:
        """Say what may spoil the result (no person in 12 frames, truncated file); kept for the report's advice."""


class Silent:
    """Progress that shows nothing and keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.notes: list[str] = []

    def start(self, label: str, total: float | None, unit: str = "frames", done: float = 0) -> None:
        """Show nothing."""

    def advance(self, amount: float = 1, **info: float | str) -> None:
        """Show nothing."""

    def note(self, message: str) -> None:
        """Keep the note."""
        self.notes.append(message)

    def warn(self, message: str) -> None:
        """Keep the warning."""
        self.warnings.append(message)


class EventProgress(Silent):
    """Progress of one stage as events, at most one every `interval` seconds for `advance`."""

    def __init__(self, stage: str, emit: Emit, interval: float = 0.1) -> None:
        super().__init__()
        self.stage, self.emit, self.interval = stage, emit, interval
        self._task: Event = {"label": "", "total": None, "unit": "frames"}
        self._done = 0.0
        self._info: dict[str, float | str] = {}
        self._sent = 0.0

    def start(self, label: str, total: float | None, unit: str = "frames", done: float = 0) -> None:
        """Begin a task."""
        self._task = {"label": label, "total": total, "unit": unit}
        self._done, self._info, self._sent = done, {}, 0.0
        self.emit({"event": "start", "stage": self.stage, **self._task, "done": done})

    def advance(self, amount: float = 1, **info: float | str) -> None:
        """Report more units done; the last of a known total is always sent."""
        self._done += amount
        self._info |= {name: value if isinstance(value, str) else float(value) for name, value in info.items()}
        now = time.monotonic()
        if now - self._sent >= self.interval or self._done == self._task["total"]:
            self._sent = now
            event = {"event": "progress", "stage": self.stage, **self._task, "done": self._done}
            self.emit(event | ({"info": dict(self._info)} if self._info else {}))

    def note(self, message: str) -> None:
        """Keep the note and send it."""
        super().note(message)
        self.emit({"event": "note", "stage": self.stage, "message": message})

    def warn(self, message: str) -> None:
        """Keep the warning and send it."""
        super().warn(message)
        self.emit({"event": "warning", "stage": self.stage, "message": message})
