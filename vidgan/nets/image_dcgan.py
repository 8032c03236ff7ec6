"""TGAN's image generator: deconvolutions from theme and motion. Legend: see `vidgan.nets.image`."""

from __future__ import annotations

import torch
from einops import rearrange, repeat
from torch import Tensor, nn

from vidgan.nets.image import ImageGenerator, ImageShape, as_clips, channels, resolutions
from vidgan.nets.labels import with_label
from vidgan.nets.norm import BatchNorm


class DCGANImage(ImageGenerator):
    """Saito et al. (2017), table 1, with the layers of DCGAN (Radford et al. 2016).

    Theme and motion each go through a bias-free linear layer to 256x4x4 (batch norm, ReLU), are joined, and doubled by
    deconvolutions of kernel/stride/padding 4/2/1 (256, 128, 64, 32 channels; 16 more for 128 pixels), then a 3x3
    convolution to RGB and tanh. 3.62 M parameters at 64 pixels and Z = M = 100, with batch norms of gain and shift and
    no bias before them (the authors' last runs had no shift). A label joins the theme as one-hot.
    """

    def __init__(self, shape: ImageShape = ImageShape()) -> None:  # noqa: B008 - a tuple
        super().__init__()
        self.classes = shape.classes
        base = channels(256, shape.width)
        self.theme = nn.Sequential(
            nn.Linear(shape.latent + shape.classes, base * 16, bias=False), BatchNorm(base * 16), nn.ReLU()
        )
        self.motion = nn.Sequential(nn.Linear(shape.motion, base * 16, bias=False), BatchNorm(base * 16), nn.ReLU())
        layers: list[nn.Module] = []
        inputs = 2 * base
        for index, _ in enumerate(resolutions(shape.size)):
            outputs = channels(256 / 2**index, shape.width)
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False), BatchNorm(outputs), nn.ReLU()]
            inputs = outputs
        self.layers = nn.Sequential(*layers, nn.Conv2d(inputs, shape.colours, 3, padding=1))

    def forward(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """See `ImageGenerator.forward`."""
        frames = motion.shape[1]
        # Batch norm over clips equals batch norm over their repeated frames, so the theme is worked out once a clip.
        still = repeat(
            self.theme(with_label(theme, label, self.classes)), "b (c h w) -> (b t) c h w", t=frames, h=4, w=4
        )
        moving = rearrange(self.motion(rearrange(motion, "b t m -> (b t) m")), "n (c h w) -> n c h w", h=4, w=4)
        start = torch.cat([still, moving], 1).contiguous(memory_format=torch.channels_last)
        return as_clips(self.layers(start), frames)
