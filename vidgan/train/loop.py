"""The training loop every task shares: steps, time, evaluation, the state that is kept, checkpoints, exact resume.

A task brings its networks and one `step`; the loop knows nothing else of it.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config, Duration, extends, runtime
from vidgan.errors import Interrupted, TrainingError
from vidgan.progress import Progress
from vidgan.train.checkpoint import load_checkpoint, save_checkpoint
from vidgan.train.engine import Team
from vidgan.train.stats import Stats


class LoopConfig(Config):
    """How long to train and how often to look. `steps`, when given, counts instead of `budget` (seconds).

    The best state is kept, or the last whose score is less than `tolerance` (a share) above the lowest: by how much
    states late in a run differ by chance, where little is held out.
    """

    budget: Duration = extends(300.0, gt=0)
    steps: int | None = extends(None, gt=0)
    evaluations: int = Field(5, ge=1)
    tolerance: float = Field(0.0, ge=0, allow_inf_nan=False)
    checkpoint_seconds: float = runtime(45.0)


class Trainable(ABC):
    """What a task gives to the loop.

    Of several processes each takes every step; only the leading one evaluates, previews and keeps states.
    """

    advice: ClassVar[str] = "run again with a smaller learning rate (--set train.learning_rate=1e-4)"
    """What to do when a loss is no number."""

    @abstractmethod
    def step(self, step: int, fraction: float) -> dict[str, float]:
        """One training step (counted from 0) at `fraction` of the run in [0, 1); returns values for the statistics."""

    @abstractmethod
    def evaluate(self) -> dict[str, float]:
        """Scores of the present (averaged) state on held-out data; `score` decides which state is best, lower wins."""

    @abstractmethod
    def preview(self) -> NDArray[np.uint8]:
        """A picture of fixed cases as evaluated last, (H, W, 3)."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that makes the next step what it is: tensors and plain values."""

    @abstractmethod
    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""

    @abstractmethod
    def best(self) -> dict[str, Any]:
        """What is kept of a good state, a part of `state`."""


@dataclass
class RunState:
    """Where a run is. `elapsed` counts seconds of training, over all its interruptions; `best_score` is the lowest so
    far, `best_step` that of the state that is kept.
    """

    step: int = 0
    elapsed: float = 0.0
    best_score: float = math.inf
    best_step: int = 0


def fraction_done(run: RunState, config: LoopConfig) -> float:
    """How much of the run is behind it, in [0, 1]: by steps when their number is set, otherwise by time."""
    done = run.step / config.steps if config.steps else run.elapsed / config.budget
    return min(1.0, done)


def train(
    task: Trainable,
    config: LoopConfig,
    folder: Path,
    progress: Progress,
    previous: Path | None = None,
    team: Team | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[RunState, dict[str, Any]]:
    """Train until the budget is spent; returns where the run ended and the state it kept.

    `folder` holds `checkpoint.pt`, `best.pt`, `stats.jsonl`, `previews/`; a killed run goes on from there. `previous`
    is a finished run with a smaller budget to carry on from. `team` are the processes that train together. When
    `stop()` becomes true the state is saved and Interrupted raised. Raises TrainingError when a loss is not a number.
    """
    team = team or Team()
    (folder / "previews").mkdir(parents=True, exist_ok=True)
    run, pending = _resume(task, folder, previous, progress, team)
    stats = Stats(folder, run.step, pending) if team.leads else None
    total = float(config.steps or config.budget)
    unit = "steps" if config.steps else "s"
    progress.start("train", total, unit, done=run.step if config.steps else run.elapsed)
    looked = math.floor(fraction_done(run, config) * config.evaluations)
    saved = time.monotonic()
    while (fraction := fraction_done(run, config)) < 1:
        began = time.monotonic()
        values = task.step(run.step, fraction)
        _check(values, run, folder, task.advice)
        run.step += 1
        before = run.elapsed
        run.elapsed, stopping = team.agree(before + time.monotonic() - began, stop())
        stopping = stopping and fraction_done(run, config) < 1
        seconds = run.elapsed - before
        progress.advance(1 if config.steps else min(seconds, max(0.0, total - before)), step=run.step)
        due = math.floor(fraction_done(run, config) * config.evaluations) > looked
        looked += due
        if stats is None:
            if stopping:
                raise _interrupted(run)
            continue
        stats.report(**values, seconds_per_step=seconds)
        if due:
            _look(task, config, run, stats, folder)
        if due or stopping or time.monotonic() - saved > config.checkpoint_seconds:
            _save(task, run, stats, folder)  # with the best state, so that a kill cannot part the two
            saved = time.monotonic()
        if stopping:
            raise _interrupted(run)
    if stats is not None:
        _save(task, run, stats, folder)
        stats.close()
    team.barrier()
    return run, load_checkpoint(folder / "best.pt")


def _interrupted(run: RunState) -> Interrupted:
    return Interrupted(f"interrupted at step {run.step}; run the same command again to go on")


def _resume(
    task: Trainable, folder: Path, previous: Path | None, progress: Progress, team: Team
) -> tuple[RunState, dict[str, list[float]]]:
    """Where the run was, and the values that wait for the next line of its statistics."""
    here = folder / "checkpoint.pt"
    source = here if here.exists() else previous / "checkpoint.pt" if previous else None
    if source is None or not source.exists():
        return RunState(), {}
    state = load_checkpoint(source)
    task.load_state(state["task"])
    run = RunState(**state["run"])
    team.barrier()  # nobody overwrites what another still reads
    if source != here and team.leads:  # keep what the earlier run had as best
        save_checkpoint(folder / "best.pt", load_checkpoint(source.with_name("best.pt")))
    progress.note(f"training goes on from step {run.step} ({run.elapsed:.0f} s)")
    return run, state.get("pending", {})


def _save(task: Trainable, run: RunState, stats: Stats, folder: Path) -> None:
    state = {"task": task.state(), "run": vars(run).copy(), "pending": dict(stats.pending)}
    save_checkpoint(folder / "checkpoint.pt", state)


def _look(task: Trainable, config: LoopConfig, run: RunState, stats: Stats, folder: Path) -> None:
    """Evaluate, keep the state when it is the best so far or hardly worse, and take a preview."""
    scores = task.evaluate()
    score, lowest = scores["score"], run.best_score
    hardly_worse = score - lowest < config.tolerance * abs(lowest)
    if score < lowest or hardly_worse or not (folder / "best.pt").exists():
        run.best_score, run.best_step = min(lowest, score), run.step
        save_checkpoint(folder / "best.pt", task.best())
    stats.write(run.step, elapsed=run.elapsed, **{f"heldout_{name}": value for name, value in scores.items()})
    picture = cv2.cvtColor(task.preview(), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "previews" / f"{run.step:07d}.jpg"), picture)


def _check(values: dict[str, float], run: RunState, folder: Path, advice: str) -> None:
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    if bad:
        raise TrainingError(
            f"{folder}: the loss became not-a-number at step {run.step} ({', '.join(bad)}); the last good state is "
            f"kept: {advice}"
        )
