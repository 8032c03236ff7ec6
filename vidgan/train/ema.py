"""The moving average of a network's weights that is kept for use: two ways to choose how long it looks back."""

from __future__ import annotations

import copy

import torch
from torch import nn


class PowerEMA:
    """An average whose window grows with training, so that a short and a long run need no different decay.

    Weights at step t count as t^gamma (Karras et al. 2024, "Analyzing and Improving the Training Dynamics of Diffusion
    Models", eq. 1); `gamma` 12 averages over about the last 7 % of the run. Buffers are copied.
    """

    def __init__(self, network: nn.Module, gamma: float = 12.0) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.gamma = gamma

    def decay(self, step: int) -> float:
        """The share kept of the average at step 1, 2, ..."""
        return (1 - 1 / step) ** (self.gamma + 1)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after `step` (counted from 1)."""
        decay = self.decay(step)
        for average, value in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(value.to(average.dtype), 1 - decay)
        for kept, buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(buffer)


class HalfLifeEMA:
    """An average in which a weight's share halves every `half_life` images; shorter while few have been seen.

    While training warms up the half-life is `ramp` times the images seen, so that the first, random weights are
    forgotten at once (Karras et al. 2018, "Progressive Growing of GANs", for the average; the ramp-up is that of
    StyleGAN2-ADA's small-data settings). An image is here one sample of the batch: for clips, a clip. Unlike a decay
    per step it stays the same average when the batch size changes.

    The running moments of batch norms are averaged like the weights they belong to: those of the newest weights do
    not fit averaged ones. All other buffers are copied.
    """

    def __init__(self, network: nn.Module, half_life: float = 10_000, ramp: float = 0.05) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life, self.ramp = half_life, ramp

    def decay(self, seen: int, batch: int) -> float:
        """The share kept of the average by a step over `batch` images, the last of the `seen` ones."""
        return float(0.5 ** (batch / min(self.half_life, self.ramp * seen)))

    @torch.no_grad()
    def update(self, network: nn.Module, seen: int, batch: int) -> None:
        """Take in the weights after a step over `batch` images, by which `seen` had been seen; of all processes."""
        decay = self.decay(seen, batch)
        for average, value in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(value.to(average.dtype), 1 - decay)
        for (name, kept), buffer in zip(self.network.named_buffers(), network.buffers(), strict=True):
            if name.endswith(("running_mean", "running_var")):
                kept.lerp_(buffer.to(kept.dtype), 1 - decay)
            else:
                kept.copy_(buffer)
