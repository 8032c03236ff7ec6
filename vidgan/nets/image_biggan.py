"""Residual blocks whose norms see the class and a part of the latent. Legend: see `vidgan.nets.image`."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from vidgan.nets.attention import SelfAttention
from vidgan.nets.image import ImageGenerator, ImageShape, as_clips, channels, resolutions
from vidgan.nets.labels import check_label
from vidgan.nets.norm import BatchNorm, ConditionalBatchNorm

EMBEDDING = 32


class _Block(nn.Module):
    """Norm, ReLU, double, 3x3, norm, ReLU, 3x3, added to the doubled input (Brock et al. 2019, figure 15b).

    No biases: the next norm would take them away.
    """

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.norm1 = ConditionalBatchNorm(inputs, condition, spectral=True)
        self.conv1 = spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
        self.norm2 = ConditionalBatchNorm(outputs, condition, spectral=True)
        self.conv2 = spectral_norm(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False))
        self.skip = spectral_norm(nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (B * T, C, H, W), condition (B, D) → (B * T, C', 2 H, 2 W)."""
        y = F.interpolate(F.relu(self.norm1(x, condition)), scale_factor=2.0, mode="nearest")
        y = self.conv2(F.relu(self.norm2(self.conv1(y), condition)))
        return y + F.interpolate(
            self.skip(x), scale_factor=2.0, mode="nearest"
        )  # 1x1 first: the same, four times cheaper


class BigGANImage(ImageGenerator):
    """Brock et al. (2019), section 3.1 and appendix B: a shared class embedding and a part of the theme (skip-z)
    condition the norms of each block; the first part of the theme makes the 4x4 start.

    The motion of a frame enters at the start only. Deviations: small widths (256, 128, 64, 32 at 64 pixels); without
    classes the norms see the theme alone, which is self-modulation (Chen et al. 2019). Truncation acts on the theme as
    it is drawn, from a normal prior.
    """

    def __init__(self, shape: ImageShape = ImageShape(), attention: int = 16) -> None:  # noqa: B008 - a tuple
        super().__init__()
        self.classes = shape.classes
        sides = resolutions(shape.size)
        self.parts = [len(part) for part in torch.arange(shape.latent).tensor_split(len(sides) + 1)]
        embedding = EMBEDDING if shape.classes else 0
        self.embedding = nn.Embedding(shape.classes, EMBEDDING) if shape.classes else None
        inputs = channels(256, shape.width)
        self.theme = spectral_norm(nn.Linear(self.parts[0] + embedding, inputs * 16))
        self.motion = spectral_norm(nn.Linear(shape.motion, inputs * 16, bias=False))
        self.blocks = nn.ModuleList()
        self.looks = nn.ModuleList()
        for index, (side, part) in enumerate(zip(sides, self.parts[1:], strict=True)):
            outputs = channels(256 / 2**index, shape.width)
            self.blocks.append(_Block(inputs, outputs, part + embedding))
            self.looks.append(SelfAttention(outputs) if side == attention else nn.Identity())
            inputs = outputs
        self.norm = BatchNorm(inputs)
        self.rgb = spectral_norm(nn.Conv2d(inputs, shape.colours, 3, padding=1))

    def forward(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """See `ImageGenerator.forward`."""
        first, *rest = self._conditions(theme, label)
        start = self.theme(first)[:, None] + self.motion(motion)
        x = rearrange(start, "b t (c h w) -> (b t) c h w", h=4, w=4).contiguous(memory_format=torch.channels_last)
        for block, look, condition in zip(self.blocks, self.looks, rest, strict=True):
            x = look(block(x, condition))
        return as_clips(self.rgb(F.relu(self.norm(x))), motion.shape[1])

    def _conditions(self, theme: Tensor, label: Tensor | None) -> list[Tensor]:
        """The parts of the theme, each with the class behind it."""
        check_label(label, self.classes)
        parts = theme.split(self.parts, 1)
        if self.embedding is None:
            return list(parts)
        embedded = self.embedding(label)
        return [torch.cat([part, embedded], 1) for part in parts]
