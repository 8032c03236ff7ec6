"""The generator that repairs a draft by choosing: blend weights over the warped references and a picture of its own.

Legend: B pictures, K references, of which the last is the previous output and is looked at but not blended, M pose
maps, (H, W) pixels.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vidgan.nets.blocks import Down, GroupNorm, ResidualBlock, Up


class Repair(NamedTuple):
    """What the generator puts out.

    logits: (B, K, H, W), added to the draft's trust in each of the K - 1 references; the last is the own picture's;
    colour: (B, 3, H, W) in [-1, 1] and matte: (B, 1, H, W), a logit: the own picture.
    """

    logits: Tensor
    colour: Tensor
    matte: Tensor


class UNet(nn.Module):
    """A U-Net from half resolution down to 1/16 and back, its outputs brought to full size by pixel shuffle.

    The pose maps are smooth and come at half resolution already.
    """

    def __init__(self, inputs: int, maps: int, outputs: int, width: int = 40, depth: int = 3) -> None:
        super().__init__()
        widths = [width * factor for factor in (1, 2, 4, 6, 8)][: depth + 1]
        self.stem = nn.Conv2d(inputs, width, 4, stride=2, padding=1)
        self.maps = nn.Conv2d(maps, width, 3, padding=1)
        self.first = ResidualBlock(width)
        self.down = nn.ModuleList(Down(a, b) for a, b in pairwise(widths))
        self.middle = ResidualBlock(widths[-1])
        self.up = nn.ModuleList(Up(b, a, a) for a, b in zip(widths[-2::-1], widths[:0:-1], strict=True))
        self.norm = GroupNorm(8, width)
        self.head = nn.Conv2d(width, 4 * outputs, 3, padding=1)
        nn.init.normal_(self.head.weight, std=1e-3)  # starts as the draft

    def forward(self, x: Tensor, maps: Tensor) -> Tensor:
        """x (B, I, H, W), H and W multiples of 2^(depth + 1), maps (B, M, H/2, W/2) → (B, O, H, W) float32."""
        x = x.contiguous(memory_format=torch.channels_last)
        skips = [self.first(self.stem(x) + self.maps(maps.contiguous(memory_format=torch.channels_last)))]
        for down in self.down:
            skips.append(down(skips[-1]))
        y = self.middle(skips.pop())
        for up in self.up:
            y = up(y, skips.pop())
        return nn.functional.pixel_shuffle(self.head(nn.functional.silu(self.norm(y))).float(), 2)


class RepairGenerator(nn.Module):
    """From pose maps, warped references and the previous output to a `Repair`.

    blends: whether its own picture is one slot among the references, or all that is shown.
    """

    blends = True

    def __init__(self, maps: int, references: int, width: int = 40, depth: int = 3) -> None:
        super().__init__()
        self.references = references
        # plate, then colour, matte and confidence of every reference
        self.net = UNet(3 + 5 * references, maps, references + 3 + 1, width, depth)

    def forward(self, maps: Tensor, plate: Tensor, colour: Tensor, matte: Tensor, confidence: Tensor) -> Repair:
        """maps (B, M, H/2, W/2), plate (B, 3, H, W), colour (B, K, 3, H, W), matte and confidence (B, K, H, W)."""
        k = self.references
        out = self.net(torch.cat([plate, colour.flatten(1, 2), matte, confidence], 1), maps)
        return Repair(logits=out[:, :k], colour=torch.tanh(out[:, k : k + 3]), matte=out[:, k + 3 :])


class PoseOnlyGenerator(nn.Module):
    """Pose maps to picture, the way of Everybody Dance Now (Chan et al. 2019): kept to measure against.

    Takes and gives the same as `RepairGenerator`, so that a setting swaps one for the other; it looks at the maps, the
    plate and its own previous output (the last reference) only, and all weight goes to its own picture.
    """

    blends = False

    def __init__(self, maps: int, references: int, width: int = 40, depth: int = 3) -> None:
        super().__init__()
        self.references = references
        self.net = UNet(3 + 3, maps, 3 + 1, width, depth)

    def forward(self, maps: Tensor, plate: Tensor, colour: Tensor, matte: Tensor, confidence: Tensor) -> Repair:
        """See `RepairGenerator.forward`."""
        out = self.net(torch.cat([plate, colour[:, -1]], 1), maps)
        b, _, h, w = out.shape
        logits = torch.full((b, self.references, h, w), -60.0, device=out.device)
        logits[:, -1] = 60.0
        return Repair(logits=logits, colour=torch.tanh(out[:, :3]), matte=out[:, 3:])
