"""Deconvolutions with spectral norm, self-attention and class-conditional norms. Legend: see `vidgan.nets.image`."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from vidgan.nets.attention import SelfAttention
from vidgan.nets.image import ImageGenerator, ImageShape, as_clips, channels, resolutions
from vidgan.nets.labels import one_hot
from vidgan.nets.norm import BatchNorm, ConditionalBatchNorm


class SAGANImage(ImageGenerator):
    """Zhang et al. (2019): spectral norm on every weight of the generator (section 4.1), self-attention on the features
    of `attention` pixels (section 5.1 finds 32 good for pictures of 128; 16 is the same share of 64, at a sixteenth of
    the products), class-conditional batch norm.

    Deviation: the widths and the 4/2/1 deconvolutions are those of `DCGANImage`, not residual blocks. An `attention`
    that is not one of the resolutions switches it off.
    """

    def __init__(self, shape: ImageShape = ImageShape(), attention: int = 16) -> None:  # noqa: B008 - a tuple
        super().__init__()
        self.classes = shape.classes
        inputs = channels(512, shape.width)
        self.theme = spectral_norm(nn.Linear(shape.latent, inputs * 16))
        self.motion = spectral_norm(nn.Linear(shape.motion, inputs * 16, bias=False))
        self.norms = nn.ModuleList([self._norm(inputs)])
        self.ups = nn.ModuleList()
        self.looks = nn.ModuleList()
        for index, side in enumerate(resolutions(shape.size)):
            outputs = channels(256 / 2**index, shape.width)
            self.ups.append(spectral_norm(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)))
            self.norms.append(self._norm(outputs))
            self.looks.append(SelfAttention(outputs) if side == attention else nn.Identity())
            inputs = outputs
        self.rgb = spectral_norm(nn.Conv2d(inputs, shape.colours, 3, padding=1))

    def _norm(self, width: int) -> nn.Module:
        return ConditionalBatchNorm(width, self.classes) if self.classes else BatchNorm(width)

    def forward(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """See `ImageGenerator.forward`."""
        hot = one_hot(label, self.classes)
        given = () if hot is None else (hot,)
        start = self.theme(theme)[:, None] + self.motion(motion)
        x = rearrange(start, "b t (c h w) -> (b t) c h w", h=4, w=4).contiguous(memory_format=torch.channels_last)
        x = F.relu(self.norms[0](x, *given))
        for up, norm, look in zip(self.ups, self.norms[1:], self.looks, strict=True):
            x = look(F.relu(norm(up(x), *given)))
        return as_clips(self.rgb(x), motion.shape[1])
