"""The grain of a camera, which also what stands still has. Legend: B clips, T frames, S pixels of a side."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAPS = 32
"""Maps of noise that are there; the frames of a clip take them in turn."""
REACH = 2
"""Pixels to each side over which a filter spreads noise."""


class Grain(nn.Module):
    """Adds noise, white but for a filter of 5x5 pixels, to every frame.

    The filter says how strong, coarse and coloured the noise is: 0 until it is measured (`vidgan.clips.grain`). The
    maps are fixed, and a clip's theme says with which one it begins, so that the same latents give the same clip.
    """

    maps: Tensor
    filter: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        side = 2 * REACH + 1
        self.register_buffer("filter", torch.zeros(3, 3, side, side))
        white = torch.randn(MAPS, 3, size, size, generator=torch.Generator().manual_seed(0))
        self.register_buffer("maps", white, persistent=False)  # as good as any other, so not stored

    def forward(self, clips: Tensor, theme: Tensor) -> Tensor:
        """clips (B, 3, T, S, S) in [-1, 1], theme (B, Z) → the same clips with grain, float32."""
        grain = F.conv2d(F.pad(self.maps, [REACH] * 4, mode="circular"), self.filter).float()
        first = (theme[:, 0].abs() * 7919).long()
        turn = (first[:, None] + torch.arange(clips.shape[2], device=clips.device)) % MAPS
        return (clips + grain[turn].transpose(1, 2)).clamp(-1, 1)
