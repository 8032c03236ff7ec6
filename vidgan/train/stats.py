"""What a run writes about itself: `stats.jsonl` and TensorBoard, side by side."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class Stats:
    """Averages what is reported between two writes and appends it as one line.

    A resumed run drops lines after the step it goes on from and takes up the values that were `pending` there, so the
    file reads as one uninterrupted run.
    """

    def __init__(self, folder: Path, resumed_at: int, pending: Mapping[str, list[float]] | None = None) -> None:
        self.path = folder / "stats.jsonl"
        self.pending: dict[str, list[float]] = defaultdict(list, pending or {})
        if self.path.exists():
            lines = self.path.read_text().splitlines()
            kept = [line for line in lines if _step_of(line) <= resumed_at]
            self.path.write_text("".join(f"{line}\n" for line in kept))
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=resumed_at + 1)

    def report(self, **values: float) -> None:
        """Take in one step's values."""
        for name, value in values.items():
            self.pending[name].append(value)

    def write(self, step: int, **extra: float) -> dict[str, float]:
        """Append the averages since the last write; returns them."""
        means = {name: sum(values) / len(values) for name, values in self.pending.items() if values}
        row = {**means, **extra}
        self.pending.clear()
        with self.path.open("a") as file:
            file.write(json.dumps({"step": step, **{name: _rounded(value) for name, value in row.items()}}) + "\n")
        for name, value in row.items():
            self.board.add_scalar(name, value, step)
        return row

    def close(self) -> None:
        """Flush TensorBoard's file."""
        self.board.close()


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf  # the torn last line of a killed run


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")
