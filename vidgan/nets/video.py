"""Video generators: the temporal generator and one of the image generators.

Legend: B clips, T frames, S pixels of a side, Z latent length, M motion length.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from vidgan.config import Config
from vidgan.nets.grain import Grain
from vidgan.nets.image import ImageGenerator, ImageShape
from vidgan.nets.image_biggan import BigGANImage
from vidgan.nets.image_dcgan import DCGANImage
from vidgan.nets.image_sagan import SAGANImage
from vidgan.nets.image_stylegan import StyleGANImage
from vidgan.nets.initial import Init, initialise
from vidgan.nets.labels import with_label
from vidgan.nets.temporal import TGAN_WIDTHS, TemporalGenerator


class GeneratorConfig(Config):
    """A video generator; the defaults are TGAN's.

    `width` multiplies the image generator's channels. `attention` is the side of the features that sagan and biggan
    attend over (none when there are none of that side). `style`, `mapping`, `coarse` and `noise` are stylegan's: length
    of a style, layers of the mapping, the largest side that motion styles, and noise, which short runs on few clips do
    not learn to turn down and show as speckles. As its weights are equalised, stylegan wants a learning rate near 0.01
    in such runs. `init` "auto" is uniform for dcgan, as in TGAN, and orthogonal for the others; stylegan's image part
    has its own. With `still` a clip is what moves over a picture that stands still (`over_still`): for a camera
    that does not move. With `grain` what is made, not what is trained on, has the clips' noise over it.
    """

    image: Literal["dcgan", "sagan", "biggan", "stylegan"] = "dcgan"
    size: Literal[32, 64, 128] = 64
    frames: int = Field(default=16, ge=2, le=256)
    latent: int = Field(default=100, ge=8)
    motion: int = Field(default=100, ge=1)
    prior: Literal["uniform", "normal"] = "uniform"
    width: float = Field(default=1.0, gt=0)
    temporal_widths: tuple[int, ...] = Field(default=TGAN_WIDTHS, min_length=1)
    temporal_norm: Literal["batch", "group"] = "batch"
    init: Init = "auto"
    attention: int = 16
    style: int = Field(default=128, ge=8)
    mapping: int = Field(default=4, ge=1)
    coarse: int = Field(default=16, ge=4)
    noise: bool = False
    still: bool = False
    grain: bool = False


class VideoGenerator(nn.Module):
    """theme → motion → frames. A label joins, as one-hot, the theme and the latent of the temporal generator (Saito et
    al. 2017, conditional form).

    Everything of a clip comes from its theme, as in TGAN, unless a motion seed is given: then the temporal generator
    sees that one instead, and the theme only says who and where.
    """

    def __init__(self, config: GeneratorConfig, classes: int = 0) -> None:
        super().__init__()
        self.config = config
        self.classes = classes
        self.temporal = TemporalGenerator(
            config.latent + classes, config.frames, config.motion, config.temporal_widths, config.temporal_norm
        )
        self.image = _image_generator(config, classes)
        self.grain = Grain(config.size) if config.grain else None
        own: Init = "uniform" if config.image == "dcgan" else "orthogonal"
        initialise(self, own if config.init == "auto" else config.init)
        self.to(memory_format=torch.channels_last)

    def forward(
        self,
        theme: Tensor,
        motion_seed: Tensor | None = None,
        label: Tensor | None = None,
        truncation: float | None = None,
    ) -> Tensor:
        """theme and motion_seed (B, Z), label (B,) → clips (B, 3, T, S, S) in [-1, 1]."""
        motion = self.motion(theme if motion_seed is None else motion_seed, label)
        return self.images(theme, motion, label, truncation)

    def motion(self, seed: Tensor, label: Tensor | None = None) -> Tensor:
        """The latents of all frames: (B, Z), (B,) → (B, T, M) in [-1, 1]."""
        return self.temporal(with_label(seed, label, self.classes))

    def images(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """(B, Z), (B, T, M), (B,) → (B, 3, T, S, S) in [-1, 1] for any T (see `temporal.resample_motion`)."""
        if self.config.still:
            motion = torch.cat([torch.zeros_like(motion[:, :1]), motion], 1)
        clips = self.image(theme, motion, label, truncation)
        clips = over_still(clips) if self.config.still else clips
        return clips if self.grain is None or self.training else self.grain(clips, theme)

    def latents(self, count: int, rng: torch.Generator, truncation: float | None = None) -> Tensor:
        """`count` themes or motion seeds from the prior, (count, Z), on the generator's device.

        Args:
            count: how many.
            rng: the randomness, on the CPU.
            truncation: give it here and to `forward`: stylegan truncates styles and draws as always; the others draw
                from a range cut at ±truncation, a uniform prior smaller and a normal one as if values outside were
                drawn again (Brock et al. 2019, section 3.1).
        """
        cut = None if self.image.truncates else truncation
        drawn = draw_latents((count, self.config.latent), self.config.prior, rng, cut)
        return drawn.to(next(self.parameters()).device)


def over_still(drawn: Tensor) -> Tensor:
    """Frames laid by mattes over a first one that stands still: (B, 4, 1 + T, S, S) → (B, 3, T, S, S), in [-1, 1].

    m f + (1 - m) b (Vondrick et al. 2016, "Generating Videos with Scene Dynamics", eq. 1). The matte m is the square of
    the fourth channel taken to [0, 1], so that it starts at a quarter. Where it is 0 nothing moves or flickers, without
    having to be learnt. Deviations: the picture b is drawn by the network that draws the frames, of no motion, not by
    one of its own; no penalty on m.
    """
    colours, matte = drawn[:, :3], ((drawn[:, 3:, 1:] + 1) / 2).square()
    return torch.lerp(colours[:, :, :1], colours[:, :, 1:], matte)


def draw_latents(
    shape: tuple[int, ...], prior: Literal["uniform", "normal"], rng: torch.Generator, truncation: float | None = None
) -> Tensor:
    """Latents of U(-1, 1) or N(0, 1), cut at ±`truncation` (see `VideoGenerator.latents`), float32 on the CPU.

    A normal latent is a uniform one through the inverse of the (cut) normal distribution: what redrawing values outside
    gives, without a loop, and the same randomness stays close to itself when the cut moves.
    """
    drawn = torch.rand(shape, generator=rng, dtype=torch.float64) * 2 - 1
    if prior == "uniform":
        return (drawn if truncation is None else drawn * truncation).float()
    inside = 1.0 if truncation is None else math.erf(truncation / math.sqrt(2))
    limit = 1 - 2.0**-50  # the ends themselves are infinitely far out
    return (math.sqrt(2) * torch.erfinv((drawn * inside).clamp(-limit, limit))).float()


def build_generator(config: GeneratorConfig, classes: int = 0) -> VideoGenerator:
    """A new generator, its weights from the global random state, its convolutions in channels_last.

    Raises:
        ConfigError: a number of frames or a size that no generator has.
    """
    return VideoGenerator(config, classes)


def _image_generator(config: GeneratorConfig, classes: int) -> ImageGenerator:
    shape = ImageShape(config.size, config.latent, config.motion, classes, config.width, 4 if config.still else 3)
    match config.image:
        case "dcgan":
            return DCGANImage(shape)
        case "sagan":
            return SAGANImage(shape, config.attention)
        case "biggan":
            return BigGANImage(shape, config.attention)
        case "stylegan":
            return StyleGANImage(shape, config.style, config.mapping, config.coarse, config.noise)
