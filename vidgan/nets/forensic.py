"""The forensic detector: what a synthesis leaves in the finest structure of consecutive frames.

Legend: B bags, K patches of a bag, T = 3 consecutive frames, S pixels of a side.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (24, 32, 64, 96)
KNEE = 6.0
"""Grey levels up to which residuals and changes stay about as they are; larger ones, edges and motion, saturate."""
_GROUPS = 8
_PREDICTOR = torch.tensor(
    [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]
)
"""The 5x5 predictor of steganalysis (Fridrich and Kodovsky 2012, "Rich Models for Steganalysis of Digital Images"),
over 12: what a pixel is beyond what its neighbours say."""


class TraceDetector(nn.Module):
    """Judges bags of patches: the higher a logit, the more the moment looks made.

    It sees no picture: only each frame's high-pass residual, the changes from frame to frame and the change of these,
    squashed to a few grey levels, where interpolation, blending and frozen noise show and content hardly does. Each
    patch gets a logit and a weight; a bag's logit is the weighted mean, weights by softmax over its patches (attention
    pooling, Ilse et al. 2018, eq. 8, without its tanh layer), since in a dubbed film the mouth alone was made.
    """

    predictor: Tensor
    calibration: Tensor

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.register_buffer("predictor", _PREDICTOR[None, None] / 12, persistent=False)
        self.register_buffer("calibration", torch.tensor([1.0, 0.0]))
        layers: list[nn.Module] = []
        for number, (inputs, outputs) in enumerate(pairwise((6, *widths))):
            side = 3 if number else 5
            layers += [
                nn.Conv2d(inputs, outputs, side, stride=2, padding=side // 2),
                nn.GroupNorm(_GROUPS, outputs),
                nn.SiLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], 2)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def traces(self, patches: Tensor) -> Tensor:
        """Residuals, changes and their change of patches (N, T, S, S) in grey levels: (N, 6, S, S) in (-1, 1)."""
        residuals = F.conv2d(F.pad(patches.flatten(0, 1)[:, None], (2, 2, 2, 2), "reflect"), self.predictor)
        changes = patches.diff(dim=1)
        seen = torch.cat([residuals.view_as(patches), changes, changes.diff(dim=1)], 1)
        return torch.tanh(seen / KNEE)

    def forward(self, bags: Tensor) -> Tensor:
        """Bags (B, K, T, S, S) of luma, 0 to 255, to logits (B,)."""
        traces = self.traces(bags.flatten(0, 1).float()).contiguous(memory_format=torch.channels_last)
        pooled = self.layers(traces).float().mean((2, 3))
        logit, weight = self.head(pooled).view(*bags.shape[:2], 2).unbind(2)
        return (torch.softmax(weight, 1) * logit).sum(1)

    def likelihood(self, logits: Tensor) -> Tensor:
        """A video's score in (0, 1) from the logits (B,) of its moments: their mean through the calibration, which is
        fitted so that the score is the likelihood of having been made, had half of all videos been.
        """
        scale, offset = self.calibration
        return torch.sigmoid(scale * logits.mean() + offset)
