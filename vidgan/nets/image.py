"""What all image generators share: the frames of all clips are drawn as one batch of pictures.

Legend: B clips, T frames, S pixels of a side, Z latent length, M motion length, K classes, C channels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from einops import rearrange
from torch import Tensor, nn

from vidgan.errors import ConfigError

SIZES = (32, 64, 128)


class ImageShape(NamedTuple):
    """What an image generator is built for. `width` multiplies the channels of its architecture; `colours` are the
    channels it draws, 3 or, with a matte, 4.
    """

    size: int = 64
    latent: int = 100
    motion: int = 100
    classes: int = 0
    width: float = 1.0
    colours: int = 3


class ImageGenerator(nn.Module, ABC):
    """Draws the frames of a clip from its theme and the motion of each frame."""

    truncates = False
    """Whether `truncation` acts inside (on styles); otherwise it acts on the latents as they are drawn."""

    @abstractmethod
    def forward(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """theme (B, Z), motion (B, T, M) for any T, label (B,) → clips (B, colours, T, S, S) in [-1, 1]."""


def resolutions(size: int) -> list[int]:
    """The sides after each doubling, from 8 to `size`. Raises ConfigError when there is no generator of that size."""
    if size not in SIZES:
        raise ConfigError(f"generator.size should be one of {', '.join(map(str, SIZES))}, not {size}")
    return [side for side in (8, 16, 32, 64, 128) if side <= size]


def channels(count: float, width: float) -> int:
    """`count` channels times `width`, as a multiple of 8 that is at least 8."""
    return max(8, round(count * width / 8) * 8)


def as_clips(pictures: Tensor, frames: int) -> Tensor:
    """Raw pictures (B * T, C, S, S) → clips (B, C, T, S, S) in [-1, 1], float32.

    Pictures in channels_last are clips in channels_last_3d already: nothing is copied.
    """
    return rearrange(torch.tanh(pictures.float()), "(b t) c h w -> b c t h w", t=frames)
