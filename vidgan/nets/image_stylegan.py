"""Styles instead of inputs: mapping network, modulated convolutions, noise. Legend: see `vidgan.nets.image`.

Beyond it: N = B * T pictures, W length of a style vector.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.nets.image import ImageGenerator, ImageShape, as_clips, channels, resolutions
from vidgan.nets.labels import one_hot, with_label
from vidgan.nets.norm import sum_over_processes

MAPPING_RATE = 0.1
"""How much slower the mapping learns. StyleGAN2 takes 0.01, for runs a hundred times longer than ours."""
AVERAGE_DECAY = 0.99
NOISE_SEED = 20190408
SLOPE = 0.2


class EqualLinear(nn.Module):
    """A linear layer with equalised learning rate: weights of N(0, 1) scaled by 1 / √inputs when used (Karras et al.
    2018, "Progressive Growing of GANs", section 4.1). `rate` slows its learning without changing its output.
    """

    def __init__(self, inputs: int, outputs: int, bias: float | None = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = None if bias is None else nn.Parameter(torch.full((outputs,), bias / rate))
        self.gain, self.rate = rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) → (..., outputs)."""
        return F.linear(x, self.weight * self.gain, None if self.bias is None else self.bias * self.rate)


def modulated_convolution(x: Tensor, weight: Tensor, style: Tensor, demodulate: bool = True) -> tuple[Tensor, Tensor]:
    """Karras et al. (2020, "Analyzing and Improving the Image Quality of StyleGAN", section 2.2, eqs. 1 and 3).

    Each sample has its own kernel w'_oikl = s_i w_oikl, divided by its norm √(Σ_ikl w'² + 1e-8). Scaling the inputs by
    s and the outputs by 1 / norm is the same and needs one convolution for all samples.

    Args:
        x: (N, I, H, W).
        weight: (O, I, k, k), k odd; the picture is padded to keep its size.
        style: (N, I).
        demodulate: whether to divide by the norm.

    Returns:
        The convolution of the scaled inputs (N, O, H, W), and the factors (N, O), float32, that its channels are still
        to be multiplied by, left to the caller, who multiplies anyway.
    """
    out = F.conv2d(x * style.to(x.dtype)[:, :, None, None], weight.to(x.dtype), padding=weight.shape[2] // 2)
    if not demodulate:
        return out, style.new_ones(x.shape[0], weight.shape[0], dtype=torch.float32)
    with torch.autocast(x.device.type, enabled=False):
        power = style.float().square() @ weight.float().square().sum((2, 3)).t()
        return out, torch.rsqrt(power + 1e-8)


class StyledLayer(nn.Module):
    """Modulated 3x3 convolution, doubling when asked, noise, bias, leaky ReLU times √2.

    The convolution comes before the (bilinear) doubling, at the cost of StyleGAN2's transposed convolution. `motion` is
    the length of the frame latents that move the style too, if any do.
    """

    def __init__(self, inputs: int, outputs: int, style: int, motion: int | None, up: bool, noise: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.gain = 1 / math.sqrt(inputs * 9)
        self.style = EqualLinear(style, inputs, bias=1.0)
        self.motion = EqualLinear(motion, inputs, bias=None) if motion else None
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noise_strength = nn.Parameter(torch.zeros(())) if noise else None
        self.up = up

    def forward(self, x: Tensor, style: Tensor, motion: Tensor, noise: Tensor | None) -> Tensor:
        """x (N, I, H, W), style (B, W), motion (B, T, M), noise (B, 1, H', W') → (N, O, H', W')."""
        b, t = motion.shape[:2]
        own = self.style(style)[:, None].expand(b, t, -1)
        own = own if self.motion is None else own + self.motion(motion)
        y, scale = modulated_convolution(x, self.weight * self.gain, own.flatten(0, 1))
        if self.up:
            y = F.interpolate(y, scale_factor=2.0, mode="bilinear", align_corners=False)
        added = self.bias.view(1, -1, 1, 1).expand(b, -1, -1, -1)
        if self.noise_strength is not None and noise is not None:
            added = added + self.noise_strength * noise  # (B, O, H', W'), the same for all frames
        # The layout of what is added decides that of the sum: left to itself it would undo channels_last.
        added = (added * math.sqrt(2)).to(y.dtype).contiguous(memory_format=torch.channels_last)
        scale = (scale * math.sqrt(2)).to(y.dtype).view(b, t, -1, 1, 1)
        y = torch.addcmul(added[:, None], y.unflatten(0, (b, t)), scale)
        return F.leaky_relu(y.flatten(0, 1), SLOPE)  # √2 was taken in already: leaky ReLU is homogeneous


class ToRGB(nn.Module):
    """A modulated 1x1 convolution to the colours, without demodulation, as one product per picture."""

    def __init__(self, inputs: int, style: int, colours: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(colours, inputs))
        self.gain = 1 / math.sqrt(inputs)
        self.style = EqualLinear(style, inputs, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(colours))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x (N, C, H, W), style (B, W) → (N, colours, H, W)."""
        kernels = self.weight * self.gain * self.style(style)[:, None]  # (B, colours, C)
        pixels = rearrange(x, "(b t) c h w -> b (t h w) c", b=len(style))
        out = torch.baddbmm(self.bias.to(x.dtype), pixels, rearrange(kernels, "b o c -> b c o").to(x.dtype))
        return rearrange(out, "b (t h w) o -> (b t) o h w", h=x.shape[2], w=x.shape[3])


class StyleGANImage(ImageGenerator):
    """StyleGAN2's generator with skip outputs (Karras et al. 2020) for the frames of clips.

    The theme goes through the mapping network and styles every layer; the motion of a frame is added to the styles of
    the layers up to `coarse` pixels, so that it moves things and cannot repaint them. The noise of a clip is a fixed
    random projection of its theme, shared by its frames: clips do not flicker and are made again from their latents.

    Deviations: small widths (256, 256, 128, 64, 32 from 4 to 64 pixels); a mapping of few layers; bilinear doubling; no
    style mixing nor path length penalty; a tanh at the end. `truncation` ψ pulls styles towards their mean, that of the
    class where there are classes (Karras et al. 2019, appendix B): 1 changes nothing, 0 gives the mean.
    """

    truncates = True

    def __init__(
        self,
        shape: ImageShape = ImageShape(),  # noqa: B008 - a tuple
        style: int = 128,
        mapping: int = 4,
        coarse: int = 16,
        noise: bool = False,
    ) -> None:
        super().__init__()
        self.classes = shape.classes
        sizes = [shape.latent + shape.classes, *[style] * mapping]
        self.mapping = nn.ModuleList(EqualLinear(a, b, rate=MAPPING_RATE) for a, b in pairwise(sizes))
        sides = [4, *resolutions(shape.size)]
        widths = [channels(min(256, 2048 / side), shape.width) for side in sides]
        moved = [shape.motion if side <= coarse else None for side in sides]
        self.start = nn.Parameter(torch.randn(1, widths[0], 4, 4))
        self.layers = nn.ModuleList([StyledLayer(widths[0], widths[0], style, moved[0], up=False, noise=noise)])
        self.rgbs = nn.ModuleList([ToRGB(widths[0], style, shape.colours)])
        for (inputs, outputs), motion in zip(pairwise(widths), moved[1:], strict=True):
            self.layers.append(StyledLayer(inputs, outputs, style, motion, up=True, noise=noise))
            self.layers.append(StyledLayer(outputs, outputs, style, motion, up=False, noise=noise))
            self.rgbs.append(ToRGB(outputs, style, shape.colours))
        self.noisy = noise
        rng = torch.Generator().manual_seed(NOISE_SEED)
        for side in sides if noise else ():
            maps = torch.randn(shape.latent, side, side, generator=rng)
            self.register_buffer(f"noise{side}", maps, persistent=False)  # as good as any other, so not stored
        self.register_buffer("mean_style", torch.zeros(max(shape.classes, 1), style))
        self.mean_style: Tensor

    def forward(
        self, theme: Tensor, motion: Tensor, label: Tensor | None = None, truncation: float | None = None
    ) -> Tensor:
        """See `ImageGenerator.forward`."""
        style = self.styles(theme, label, truncation)
        b, t = motion.shape[:2]
        x = self.start.expand(b * t, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        x = x.to(torch.get_autocast_dtype(x.device.type)) if torch.is_autocast_enabled(x.device.type) else x
        x = self.layers[0](x, style, motion, self._noise(theme, 4))
        rgb = self.rgbs[0](x, style)
        for index, to_rgb in enumerate(self.rgbs[1:]):
            up, keep = self.layers[2 * index + 1], self.layers[2 * index + 2]
            noise = self._noise(theme, 2 * x.shape[2])
            x = keep(up(x, style, motion, noise), style, motion, noise)
            rgb = F.interpolate(rgb, scale_factor=2.0, mode="bilinear", align_corners=False) + to_rgb(x, style)
        return as_clips(rgb / math.sqrt(len(self.rgbs)), t)  # their sum, at the size of one of them

    def styles(self, theme: Tensor, label: Tensor | None = None, truncation: float | None = None) -> Tensor:
        """theme (B, Z) → style vectors (B, W); in training the mean style is kept up to date."""
        w = theme.float() * torch.rsqrt(theme.float().square().mean(1, keepdim=True) + 1e-8)
        w = with_label(w, label, self.classes)
        for layer in self.mapping:
            w = F.leaky_relu(layer(w), SLOPE) * math.sqrt(2)
        w = w.float()
        hot = one_hot(label, self.classes)
        hot = w.new_ones(len(w), 1) if hot is None else hot
        if self.training:
            self._track(w.detach(), hot)
        return w if truncation is None else torch.lerp(hot @ self.mean_style, w, truncation)

    @torch.no_grad()
    def _track(self, w: Tensor, hot: Tensor) -> None:
        """Move the mean style of each class that is present, over all processes, towards the batch's."""
        sums = sum_over_processes(torch.cat([hot.t() @ w, hot.sum(0)[:, None]], 1))
        counts = sums[:, -1:]
        rate = (1 - AVERAGE_DECAY) * (counts > 0)
        self.mean_style.add_(rate * (sums[:, :-1] / counts.clamp(min=1) - self.mean_style))

    def _noise(self, theme: Tensor, side: int) -> Tensor | None:
        """(B, 1, side, side) of N(0, 1): one draw a theme, turning smoothly with it."""
        if not self.noisy:
            return None
        direction = F.normalize(theme.float(), dim=1)
        return torch.einsum("bz,zhw->bhw", direction, getattr(self, f"noise{side}"))[:, None]
