"""How long work says where it is: one small interface, shown as a bar, as JSON lines or not at all."""

from __future__ import annotations

from typing import Protocol


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
