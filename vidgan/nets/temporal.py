"""The temporal generator: one latent to the latents of all frames.

Legend: B clips, T frames, Z latent length, M motion length.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from vidgan.errors import ConfigError
from vidgan.nets.norm import BatchNorm

TGAN_WIDTHS = (512, 256, 128, 128)


class TemporalGenerator(nn.Module):
    """1-D deconvolutions, kernel/stride/padding 1/1/0, then 4/2/1, each with a norm and ReLU, and a tanh at the end
    (Saito et al. 2017, "Temporal Generative Adversarial Nets with Singular Value Clipping", table 1).

    Sixteen frames take the widths 512, 256, 128, 128, M: 0.825 M parameters at Z = M = 100, counted without biases
    before batch norms, whose shift they would only repeat. Other powers of two use as many of the widths as they
    double, the last one again when there are too few. `norm` "group" (8 groups, over channels and time) replaces the
    batch norm: no clip then depends on its batch.

    Raises:
        ConfigError: the number of frames is not a power of two from 2 to 256.
    """

    def __init__(
        self,
        latent: int = 100,
        frames: int = 16,
        motion: int = 100,
        widths: tuple[int, ...] = TGAN_WIDTHS,
        norm: Literal["batch", "group"] = "batch",
    ) -> None:
        super().__init__()
        doublings = frames.bit_length() - 1
        if frames != 2**doublings or not 1 <= doublings <= 8:
            raise ConfigError(f"generator.frames should be a power of two from 2 to 256, such as 16, not {frames}")
        hidden = (widths + widths[-1:] * doublings)[:doublings]
        layers: list[nn.Module] = [nn.ConvTranspose1d(latent, hidden[0], 1, bias=False), *_norm(hidden[0], norm)]
        for inputs, outputs in pairwise(hidden):
            layers += [nn.ConvTranspose1d(inputs, outputs, 4, 2, 1, bias=False), *_norm(outputs, norm)]
        layers += [nn.ConvTranspose1d(hidden[-1], motion, 4, 2, 1), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor) -> Tensor:
        """(B, Z) → (B, T, M) in [-1, 1]."""
        return rearrange(self.layers(latent[:, :, None]).float(), "b m t -> b t m")


def _norm(channels: int, kind: str) -> list[nn.Module]:
    return [BatchNorm(channels) if kind == "batch" else nn.GroupNorm(8, channels), nn.ReLU()]


def resample_motion(motion: Tensor, frames: int, lobes: int = 3) -> Tensor:
    """Motion at `frames` times spread evenly from the first frame to the last: (B, T, M) → (B, frames, M).

    Frame latents are interpolated by a Lanczos filter, so that frames between two generated ones can be drawn (Saito
    et al. 2017, "frame interpolation", which filters z1 likewise). Times that fall on a frame keep its latent; weights
    sum to 1 also at the ends, where the filter is cut; fewer frames than T pick, they do not average.
    """
    times = torch.linspace(0, motion.shape[1] - 1, frames, dtype=torch.float64, device=motion.device)
    distance = times[:, None] - torch.arange(motion.shape[1], device=motion.device)
    weights = torch.sinc(distance) * torch.sinc(distance / lobes) * (distance.abs() < lobes)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.einsum("ft,btm->bfm", weights.to(motion.dtype), motion)
