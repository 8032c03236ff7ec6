"""The smallest thing that can be trained: a walk whose next step depends on where it is and on the step's number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from vidgan.train.loop import Trainable
from vidgan.train.randomness import generator

STATE = ("checkpoint.pt", "best.pt")


class Walk(Trainable):
    """Its score is best (lowest) at step `low`. `trap` is called with the number of every step before it is taken."""

    def __init__(self, low=10, trap=lambda step: None, loss=lambda step: 1.0):
        self.place, self.momentum = torch.zeros(3), torch.zeros(3)
        self.low, self.trap, self.loss = low, trap, loss
        self.fractions = []

    def step(self, step, fraction):
        self.trap(step)
        self.fractions.append(fraction)
        self.momentum = 0.9 * self.momentum + torch.randn(3, generator=generator("walk", step)) * self.place.cos()
        self.place = self.place + self.momentum
        self.now = step + 1
        return {"loss": self.loss(step), "place": float(self.place.sum())}

    def evaluate(self):
        return {"score": float(abs(self.now - self.low)), "place": float(self.place.prod())}

    def preview(self):
        return np.full((8, 8, 3), 90, np.uint8)

    def state(self):
        return {"place": self.place, "momentum": self.momentum}

    def load_state(self, state):
        self.place, self.momentum = state["place"], state["momentum"]

    def best(self):
        return {"place": self.place}


def rows(folder: Path):
    """The statistics without what a clock says."""
    lines = (folder / "stats.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k not in ("elapsed", "seconds_per_step")} for line in lines]


def same(one, two, at=""):
    """Whether two states are equal bit for bit; else where they first differ."""
    if isinstance(one, torch.Tensor):
        assert one.dtype == two.dtype, at
        assert torch.equal(one, two), at
    elif isinstance(one, dict):
        assert list(one) == list(two), at
        for name in one:
            same(one[name], two[name], f"{at}.{name}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(two), at
        for index, (a, b) in enumerate(zip(one, two, strict=True)):
            same(a, b, f"{at}[{index}]")
    else:
        assert one == two, at
