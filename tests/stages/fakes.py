"""Stages that do nothing but count: light to import, with a way to stop them in the middle."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from vidgan.config import Config, Duration, extends, runtime
from vidgan.errors import PersonError
from vidgan.stages.base import Stage, StageContext


class CountConfig(Config):
    steps: int = 3
    fps: int = 25
    workers: int = runtime(1)
    budget: Duration = extends(1.0)
    enabled: bool = True
    note: Path | None = None


class Count(Stage[CountConfig]):
    """Counts to `steps`, one line of `steps.txt` each, and goes on after the lines that are there.

    What it meets beside its inputs decides how it ends: a file `fault-INSTANCE` holds "STEP kill|fail|crash|wait".
    """

    name = "count"
    Config = CountConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        instance = context.dir.name.partition("-")[0]
        path = context.dir / "steps.txt"
        done = len(path.read_text().splitlines()) if path.exists() else 0
        context.progress.start("count", self.config.steps, "steps", done)
        for step in range(done, self.config.steps):
            self.meet(context, instance, step)
            with path.open("a") as file:
                file.write(f"{step}\n")
            context.progress.advance(level=step)
        inputs = {name: str(folder) for name, folder in context.inputs.items()}
        return {
            "resumed_at": done,
            "inputs": inputs,
            "previous": context.previous and str(context.previous),
            "seed": context.seed,
            "pid": os.getpid(),
        }

    def meet(self, context: StageContext, instance: str, step: int) -> None:
        faults = Path(os.environ.get("FAULTS", "/nonexistent")) / instance
        if not faults.exists():
            return
        at, what = faults.read_text().split()
        if step != int(at):
            return
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "fail":
            raise PersonError("nobody is there")
        if what == "crash":
            raise KeyError("hips")
        if what == "full":
            raise OSError(28, "No space left on device", str(context.dir / "steps.txt"))
        if what == "large":
            raise OSError(27, "File too large")
        faults.with_name(f"{instance}.waiting").touch()
        while faults.exists():
            time.sleep(0.01)


class Apart(Count):
    """The same in a process of its own."""

    name = "apart"
    isolated = True


class Random(Count):
    """The same with a seed."""

    name = "random"
    seeded = True


class Together(Apart):
    """Ends only when the file `meeting` has the names of two of them."""

    name = "together"

    def run(self, context: StageContext) -> dict[str, Any]:
        meeting = Path(os.environ["FAULTS"]) / "meeting"
        with meeting.open("a") as file:
            file.write(f"{context.dir.name}\n")
        deadline = time.monotonic() + 20
        while len(meeting.read_text().splitlines()) < 2:
            if time.monotonic() > deadline:
                raise PersonError("the other did not come")
            time.sleep(0.01)
        context.progress.warn(f"{self.name} is warned")
        (context.dir / "steps.txt").touch()
        return {}


class Later(Count):
    """A newer version of Count."""

    version = 2
