"""Ways to show a run's events: bars for a person, JSON lines for a program, or just what went wrong."""

from __future__ import annotations

import json
import sys
import threading
import time
from types import TracebackType
from typing import IO, Any, Self

from tqdm import tqdm

from vidgan.progress import Event


class Display:
    """Takes a run's events from any thread. Used as a context, it leaves the terminal in order."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = stream or sys.stderr
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self.close()

    def emit(self, event: Event) -> None:
        """Show one event."""
        with self._lock:
            getattr(self, f"_on_{event['event']}", self._ignore)(event)

    def close(self) -> None:
        """Leave the terminal in order."""

    def line(self, text: str) -> None:
        """Print one line."""
        print(text, file=self.stream, flush=True)

    def _ignore(self, event: Event) -> None:
        """Show nothing."""


class Quiet(Display):
    """Only warnings."""

    def _on_warning(self, event: Event) -> None:
        self.line(f"warning: {_of_stage(event)}{event['message']}")


class Lines(Quiet):
    """A line for each stage, note and warning: for a log."""

    def _on_stage(self, event: Event) -> None:
        reason = f" ({event['reason']})" if event["reason"] else ""
        self.line(f"{event['stage']}: {event['action']}{reason}")

    def _on_note(self, event: Event) -> None:
        self.line(f"{_of_stage(event)}{event['message']}")

    def _on_done(self, event: Event) -> None:
        self.line(f"{event['stage']}: done in {seconds(event['seconds'])}")


class Bars(Lines):
    """A bar for each running stage on a terminal, with its rate and the time left, above it what is worth a line."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._bars: dict[str, tqdm[Any]] = {}

    def line(self, text: str) -> None:
        """Print one line above the bars."""
        tqdm.write(text, file=self.stream)

    def close(self) -> None:
        """Take the bars away."""
        for stage in list(self._bars):
            self._drop(stage)

    def _on_stage(self, event: Event) -> None:
        if event["action"] == "cached":
            super()._on_stage(event)

    def _on_start(self, event: Event) -> None:
        self._drop(event["stage"])
        timed = event["unit"] == "s"
        counts = "{n:.0f}/{total:.0f} s" if timed else "{n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"
        self._bars[event["stage"]] = tqdm(
            desc=_label(event),
            total=event["total"],
            initial=event["done"],
            unit=f" {event['unit']}",
            file=self.stream,
            leave=False,
            mininterval=0,
            miniters=1,
            dynamic_ncols=True,
            bar_format=f"{{desc}} {{percentage:3.0f}}%|{{bar}}| {counts}{{postfix}}" if event["total"] else None,
        )

    def _on_progress(self, event: Event) -> None:
        if event["stage"] not in self._bars:
            return
        bar = self._bars[event["stage"]]
        if "info" in event:
            bar.set_postfix({name: _short(value) for name, value in event["info"].items()}, refresh=False)
        done = event["done"] if event["total"] is None else min(event["done"], event["total"])
        bar.update(done - bar.n)

    def _on_done(self, event: Event) -> None:
        self._drop(event["stage"])
        super()._on_done(event)

    def _drop(self, stage: str) -> None:
        bar = self._bars.pop(stage, None)
        if bar is not None:
            bar.close()


class JsonLines(Display):
    """One JSON object a line on stdout; progress at most twice a second for each stage, its end always."""

    def __init__(self, stream: IO[str] | None = None, interval: float = 0.5) -> None:
        super().__init__(stream or sys.stdout)
        self._interval = interval
        self._sent: dict[str, float] = {}

    def emit(self, event: Event) -> None:
        """Print one event."""
        now = time.monotonic()
        with self._lock:
            if event["event"] == "progress" and event["done"] != event["total"]:
                if now - self._sent.get(event["stage"], 0.0) < self._interval:
                    return
                self._sent[event["stage"]] = now
            self.line(json.dumps(event))


def choose_display(as_json: bool = False, quiet: bool = False, stream: IO[str] | None = None) -> Display:
    """JSON lines on stdout when asked; else, on stderr, bars on a terminal and lines elsewhere; warnings if quiet."""
    if as_json:
        return JsonLines()
    stream = stream or sys.stderr
    if quiet:
        return Quiet(stream)
    return Bars(stream) if stream.isatty() else Lines(stream)


def seconds(value: float) -> str:
    """A time for people: `4.2 s`, `3 min 05 s`, `1 h 02 min`."""
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _of_stage(event: Event) -> str:
    return f"{event['stage']}: " if event.get("stage") else ""


def _label(event: Event) -> str:
    stage, label = event["stage"], event["label"]
    return stage if not label or label == stage else f"{stage}: {label}"


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
