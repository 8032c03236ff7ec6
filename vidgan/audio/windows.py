"""Windows of speech features about moments of a film, as they are or changed as another voice would be.

Legend: F feature frames, D features, B windows of W = 2 * reach + 1 frames; positions count feature frames.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from vidgan.config import Config


class AugmentConfig(Config):
    """How windows are changed in training, because the voice to come differs. Features have mean 0 and spread 1.

    `speed`: share by which speech is faster or slower at most; `pitch`: bands by which the spectrum is moved up or down
    at most; `gain`, `tilt`, `noise`: standard deviations of a level, of a slope over the bands and of white noise;
    `masked`: bands that are blotted out in every second window. Pitch, tilt and masks are for spectra alone.
    """

    speed: float = Field(0.08, ge=0, lt=0.5)
    pitch: float = Field(1.0, ge=0)
    gain: float = Field(0.4, ge=0)
    tilt: float = Field(0.4, ge=0)
    noise: float = Field(0.5, ge=0)
    masked: int = Field(4, ge=0)


def windows(features: Tensor, centres: Tensor, reach: int, speed: Tensor | None = None) -> Tensor:
    """The features (F, D) about positions (B,), interpolated, the ends held: (B, W, D). `speed` (B,) stretches time."""
    offsets = torch.arange(-reach, reach + 1, dtype=centres.dtype)[None]
    if speed is not None:
        offsets = offsets * speed[:, None]
    return _between(features, (centres[:, None] + offsets).clamp(0, len(features) - 1))


def augmented(
    features: Tensor, centres: Tensor, reach: int, config: AugmentConfig, rng: torch.Generator, spectral: bool
) -> Tensor:
    """As `windows`, every one changed by chance. `spectral`: the features are a spectrum's bands, low to high."""
    count, bands = len(centres), features.shape[1]
    out = windows(features, centres, reach, 1 + config.speed * _even(count, rng))
    if spectral:
        moved = (torch.arange(bands)[None] + config.pitch * _even(count, rng)[:, None]).clamp(0, bands - 1)
        low = moved.floor().long().clamp(max=bands - 2)
        share = (moved - low)[:, None]
        picks = low[:, None].expand(-1, out.shape[1], -1)
        out = out.gather(2, picks) * (1 - share) + out.gather(2, picks + 1) * share
        slope = config.tilt * torch.randn(count, 1, 1, generator=rng)
        out = out + slope * torch.linspace(-1, 1, bands)
    out = out + config.gain * torch.randn(count, 1, 1, generator=rng)
    out = out + config.noise * torch.randn(out.shape, generator=rng)
    if spectral and config.masked:
        first = torch.randint(max(1, bands - config.masked), (count, 1), generator=rng)
        band = torch.arange(bands)[None]
        blotted = (band >= first) & (band < first + config.masked) & (torch.rand(count, 1, generator=rng) < 0.5)
        out = out.masked_fill(blotted[:, None], 0.0)
    return out


def _between(features: Tensor, places: Tensor) -> Tensor:
    """Features (F, D) at fractional places (B, W), interpolated linearly: (B, W, D)."""
    low = places.floor().long().clamp(max=max(0, len(features) - 2))
    share = (places - low)[..., None].to(features.dtype)
    high = (low + 1).clamp(max=len(features) - 1)
    return features[low] * (1 - share) + features[high] * share


def _even(count: int, rng: torch.Generator) -> Tensor:
    """Evenly spread in [-1, 1]: (count,)."""
    return 2 * torch.rand(count, generator=rng) - 1
