"""The moving average of a network's weights that is kept for use."""

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
