"""The forensic task: a small network learns to tell what vidgan makes from what was filmed.

Legend: N videos, M bags of all of them, B bags of a batch; K, T, S as in `vidgan.trust.forensic`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vidgan.config import extends
from vidgan.nets.forensic import TraceDetector
from vidgan.train.ema import PowerEMA
from vidgan.train.loop import LoopConfig, Trainable
from vidgan.train.randomness import generator

WARM_UP = 20
REAL = ""
"""The method of what is real."""

Attack = Callable[[torch.nn.Module, Tensor, Tensor, torch.Generator], Tensor]
"""From a network, bags (B, K, T, S, S), labels (B,) and a generator to bags that it finds harder."""


class ForensicConfig(LoopConfig):
    """Settings of the forensic task. `hardened` is the share of a batch that is attacked, when there is an attack."""

    steps: int | None = extends(600, gt=0)
    evaluations: int = Field(1, ge=1)
    width: int = Field(16, ge=1)
    batch: int = Field(64, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(0.3, ge=0)
    dropout: float = Field(0.3, ge=0, lt=1)
    hardened: float = Field(0.5, ge=0, le=1)


@dataclass(frozen=True)
class Bags:
    """Bags (M, K, T, S, S) uint8, each with the number of its video (M,), and of each video its method and group (N,).

    `statistics` (M, K, D) are the network's of all bags, where they are known already. A group is drawn before a video
    of it: what has many videos counts no more than what has few.
    """

    patches: NDArray[np.uint8]
    video: NDArray[np.int64]
    methods: tuple[str, ...]
    groups: tuple[str, ...]
    statistics: NDArray[np.float32] | None = None

    def members(self, made: bool) -> list[list[NDArray[np.int64]]]:
        """The bags of each video, by group, of what is made or of what is real."""
        wanted = [k for k, method in enumerate(self.methods) if (method != REAL) == made and (self.video == k).any()]
        groups = sorted({self.groups[k] for k in wanted})
        return [[np.flatnonzero(self.video == k) for k in wanted if self.groups[k] == group] for group in groups]


class ForensicTask(Trainable):
    """Trains the detector, half of each batch real. See `ForensicConfig`.

    Nothing is held out in it: who holds people out scores the averaged network on them afterwards, by `scores`.

    Raises:
        ValueError: there are not both real and made videos.
    """

    def __init__(
        self, bags: Bags, config: ForensicConfig, fabric: Fabric, seed: int, attack: Attack | None = None
    ) -> None:
        self.bags, self.config, self.fabric, self.seed, self.attack = bags, config, fabric, seed, attack
        self.real, self.made = bags.members(False), bags.members(True)
        if not self.real or not self.made:
            raise ValueError("telling real and made videos apart needs some of both")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = TraceDetector(config.width)
        network.to(fabric.device)
        known = bags.statistics
        found = statistics(network, bags.patches) if known is None else torch.from_numpy(known)
        self.statistics = found.to(fabric.device)
        network.scaled_by(self.statistics[bags.video >= 0])
        self.ema = PowerEMA(network)
        optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
        self.network, self.optimiser = fabric.setup(network, optimiser)

    @property
    def average(self) -> TraceDetector:
        """The averaged network."""
        assert isinstance(self.ema.network, TraceDetector)
        return self.ema.network

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Take the weights of a trained network, to go on from."""
        self.network.module.load_state_dict(weights)
        self.ema.network.load_state_dict(weights)

    def step(self, step: int, fraction: float) -> dict[str, float]:
        """One step on half real, half made bags, some of their statistics left out at random."""
        rng = generator("forensic", self.seed, step)
        rate = self.config.learning_rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + float(np.cos(np.pi * fraction)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        rows, labels = self._draw(rng)
        found = self.statistics[rows]
        if self.attack is not None:
            chosen = torch.randperm(len(rows), generator=rng)[: round(self.config.hardened * len(rows))]
            bags = torch.from_numpy(np.asarray(self.bags.patches[rows[chosen]])).float().to(self.fabric.device)
            attacked = self.attack(self.network, bags, labels[chosen], rng)
            found[chosen] = self.network.module.statistics(attacked)
        kept = torch.rand(found.shape, generator=rng).to(found.device) >= self.config.dropout
        logits = self.network.module.judge(found, kept)
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.optimiser.step()
        self.ema.update(self.network.module, step + 1)
        self.loss = float(loss.detach())
        right = float(((logits > 0) == (labels > 0.5)).float().mean())
        return {"loss": self.loss, "right": right}

    def _draw(self, rng: torch.Generator) -> tuple[NDArray[np.int64], Tensor]:
        """Rows of bags (B,) and labels (B,), 1 for made."""
        labels = torch.arange(self.config.batch) % 2
        rows = np.array([_pick(self.made if label else self.real, rng) for label in labels])
        return rows, labels.float().to(self.fabric.device)

    def evaluate(self) -> dict[str, float]:
        """The loss of the last step."""
        return {"score": self.loss}

    def preview(self) -> NDArray[np.uint8]:
        """The middle frames of the patches of the first real and the first made bag: (2 S, K S, 3)."""
        firsts = [groups[0][0][0] for groups in (self.real, self.made)]
        grey = np.concatenate([np.concatenate(list(self.bags.patches[first][:, 1]), 1) for first in firsts])
        return np.repeat(grey[..., None], 3, 2)

    def state(self) -> dict[str, Any]:
        """The network, its average and the optimiser."""
        return {
            "network": self.network.module.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.network.module.load_state_dict(state["network"])
        self.ema.network.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])

    def best(self) -> dict[str, Any]:
        """The averaged network."""
        return {"ema": self.ema.network.state_dict()}


def _pick(groups: list[list[NDArray[np.int64]]], rng: torch.Generator) -> int:
    """A bag of a video of a group, each drawn at random."""
    draws = torch.rand(3, generator=rng, dtype=torch.float64).tolist()
    videos = groups[int(draws[0] * len(groups))]
    bags = videos[int(draws[1] * len(videos))]
    return int(bags[int(draws[2] * len(bags))])


@torch.inference_mode()
def statistics(network: TraceDetector, patches: NDArray[np.uint8], at_once: int = 32) -> Tensor:
    """The statistics (M, K, D) of bags (M, K, T, S, S)."""
    device = network.calibration.device
    parts = [
        network.statistics(torch.from_numpy(np.array(patches[k : k + at_once])).to(device))
        for k in range(0, len(patches), at_once)
    ]
    return torch.cat(parts)


@torch.inference_mode()
def scores(network: TraceDetector, patches: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The logits (M,) of bags (M, K, T, S, S)."""
    return network.judge(statistics(network, patches)).cpu().numpy().astype(np.float64)
