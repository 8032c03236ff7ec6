"""The blocks networks are made of. Tensors are (B, C, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class GroupNorm(nn.GroupNorm):
    """PyTorch's, on a CPU always computed in float32: its backward pass in bfloat16 with channels last is four times as
    slow there, a tenth of a whole training step.
    """

    def forward(self, input: Tensor) -> Tensor:
        """(B, C, H, W) → the same, in the same precision."""
        return super().forward(input.float() if input.device.type == "cpu" else input).to(input.dtype)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group norm before each, added to the input (He et al. 2016, pre-activation)."""

    def __init__(self, channels: int, groups: int = 8) -> None:
        super().__init__()
        self.norm1 = GroupNorm(groups, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = GroupNorm(groups, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)  # starts as the identity

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same."""
        y = self.conv1(F.silu(self.norm1(x)))
        return x + self.conv2(F.silu(self.norm2(y)))


class Down(nn.Sequential):
    """Halves the picture: group norm and a 4x4 convolution of stride 2, then a residual block.

    Without the norm here and in `Up` the plain convolutions feed each other and the stream grows a thousandfold.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            GroupNorm(8, inputs),
            nn.SiLU(),
            nn.Conv2d(inputs, outputs, 4, stride=2, padding=1),
            ResidualBlock(outputs),
        )


class Up(nn.Module):
    """Doubles the picture (nearest, so that no checkerboard appears) and joins the skip connection."""

    def __init__(self, inputs: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.norm = GroupNorm(8, inputs + skip)
        self.join = nn.Conv2d(inputs + skip, outputs, 3, padding=1)
        self.block = ResidualBlock(outputs)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """x (B, C, H, W), skip (B, S, 2 H, 2 W) → (B, O, 2 H, 2 W)."""
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.block(self.join(F.silu(self.norm(torch.cat([x, skip], 1)))))


def spectral_conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    """A convolution whose matrix has spectral norm 1 (Miyato et al. 2018)."""
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=(kernel - 1) // 2))
