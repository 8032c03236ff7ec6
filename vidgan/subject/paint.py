"""From poses to pictures with a repair generator: the step that training, scoring and rendering share.

The previous output is shown to the generator beside the references, but never blended in: sampled again and again from
frame to frame it would wash out.

Legend: B driving poses, K references; the slots of a blend are the K references, then the generator's own colour;
s pixels at the network's size, S at the picture's size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.nets.repair import Repair
from vidgan.pose.rasterise import pose_maps
from vidgan.subject.draft import FLOW_STRIDE, Warped, blend_logits, composite, mix
from vidgan.subject.warp import Flow, part_flow, resize_flow, sample

OWN_COLOUR_LOGIT = -1.5

COLUMN_MARGIN = 0.1

SIGMA = 0.016
"""Softness of the pose maps as a share of the window."""


@dataclass(frozen=True)
class Previous:
    """The previous output: picture (B, 4, S, S), colour in [-1, 1] and matte, its pose (B, J, 2) and height (B,) in the
    units of its own window, and trust (B,), 0 where there is none.
    """

    picture: Tensor
    points: Tensor
    heights: Tensor
    trust: Tensor

    def detached(self) -> Previous:
        """The same without gradients."""
        return Previous(self.picture.detach(), self.points, self.heights, self.trust)


@dataclass(frozen=True)
class Painted:
    """picture: (B, 3, S, S) in [-1, 1], over the plate; colour: (B, 3, S, S) of the person; matte: (B, 1, S, S);
    weights: (B, K + 1, S, S).
    """

    picture: Tensor
    colour: Tensor
    matte: Tensor
    weights: Tensor


def nothing_before(points: Tensor, heights: Tensor, size: int) -> Previous:
    """The state before a first frame."""
    picture = torch.zeros(len(points), 4, size, size, device=points.device)
    # Copies: training writes the poses of earlier outputs into them, and must not write into its batch.
    return Previous(picture, points.clone(), heights.clone(), torch.zeros(len(points), device=points.device))


def previous_flow(previous: Previous, points: Tensor, heights: Tensor, size: int) -> Flow:
    """The backward flow from the present pose to the previous output, on the coarse grid."""
    grid = max(16, size // FLOW_STRIDE)
    return part_flow(points, previous.points[:, None], heights, previous.heights[:, None], (grid, grid))


def with_previous(warped: Warped, previous: Previous, flow: Flow, size: int) -> Warped:
    """The references and, as one slot more, the previous output pulled to the present pose."""
    fine = resize_flow(flow, (size, size))
    pulled = sample(previous.picture[:, None], fine)
    return Warped(
        torch.cat([warped.colour, pulled[:, :, :3]], 1),
        torch.cat([warped.matte, pulled[:, :, 3]], 1),
        torch.cat([warped.confidence, fine.confidence * previous.trust[:, None, None, None]], 1),
    )


def conditioning(points: Tensor, visibility: Tensor, size: int) -> Tensor:
    """The pose maps a network of `size` pixels takes, at half its resolution: (B, M, size / 2, size / 2)."""
    half = size // 2
    return pose_maps(points * half, visibility, (half, half), sigma=SIGMA * half)


def columns(points: Tensor, size: int, multiple: int = 32) -> slice:
    """The columns, about the window's middle, that hold the poses (..., J, 2) with a margin: a standing person fills a
    third of the square window, and what is left out is not worth a network's time.
    """
    reach = float((points[..., 0] - 0.5).abs().amax()) + COLUMN_MARGIN
    half = min(size // 2, multiple // 2 * math.ceil(2 * reach * size / multiple))
    return slice(size // 2 - half, size // 2 + half)


def repair(
    generator: nn.Module, points: Tensor, visibility: Tensor, plate: Tensor, warped: Warped, own: bool = False
) -> Repair:
    """Run the generator at its own size s: points (B, J, 2) in window units, plate (B, 3, s, s).

    It sees the columns around the person; beyond them its output is zero, which leaves the draft as it is. `own` takes
    its colour as it is instead of as a change of the draft's.
    """
    size = plate.shape[-1]
    inner = columns(points, size)
    maps = conditioning(points, visibility, size)[..., inner.start // 2 : inner.stop // 2]
    pictures = (plate, warped.colour, warped.matte, warped.confidence)
    out: Repair = generator(maps, *(picture[..., inner] for picture in pictures))
    border = (inner.start, size - inner.stop)
    out = Repair(*(F.pad(value, border) for value in out))
    if own:  # absolute, not a change of the draft: beyond the columns there is nobody
        beyond = torch.ones_like(out.matte)
        beyond[..., inner] = 0
        return out._replace(matte=out.matte - 20 * beyond)
    # The own colour begins as the draft's: from grey it would never win weight, and so never learn.
    references = Warped(*(value[:, :-1] for value in vars(warped).values()))
    start, _ = mix(torch.softmax(blend_logits(references), 1), references)
    return out._replace(colour=start.detach() + out.colour)


def paint(out: Repair, warped: Warped, plate: Tensor, own: bool = False) -> Painted:
    """Blend the references `warped` (without the previous output) at its size and that of `plate`, which may be
    larger than the generator's: weights, own colour and the matte's change are upsampled, references stay sharp.

    `own` takes the generator's matte as it is instead of as a change of the draft's (for the pose-only generator).
    """
    size = plate.shape[-1]
    out = _at_size(out, size)
    base = blend_logits(warped)
    # Below all references together, so that moments when every slot fades do not fall to the own colour.
    own_base = base.logsumexp(1, keepdim=True) + OWN_COLOUR_LOGIT
    weights = torch.softmax(torch.cat([base, own_base], 1) + out.logits, 1)
    colour = (weights[:, :-1, None] * warped.colour).sum(1) + weights[:, -1:] * out.colour
    share = weights[:, :-1] / weights[:, :-1].sum(1, keepdim=True).clamp_min(1e-6)
    if own:
        matte = torch.sigmoid(out.matte)
    else:
        matte = torch.sigmoid(torch.logit((share * warped.matte).sum(1, keepdim=True), eps=0.01) + out.matte)
    return Painted(composite(colour, matte, plate), colour, matte, weights)


def _at_size(out: Repair, size: int) -> Repair:
    if out.matte.shape[-1] == size:
        return out
    stacked = torch.cat([out.logits, out.colour, out.matte], 1)
    stacked = F.interpolate(stacked, (size, size), mode="bilinear", align_corners=False)
    slots = out.logits.shape[1]
    return Repair(stacked[:, :slots], stacked[:, slots : slots + 3], stacked[:, slots + 3 :])


def as_previous(painted: Painted, points: Tensor, heights: Tensor, size: int) -> Previous:
    """What the next frame sees of this one, at the network's size: the person's colour, so no plate comes along."""
    picture = torch.cat([painted.colour, painted.matte], 1)
    if picture.shape[-1] != size:
        picture = F.interpolate(picture, (size, size), mode="area")
    return Previous(picture, points, heights, torch.ones(len(points), device=points.device))
