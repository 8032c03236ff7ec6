"""From poses to pictures with a repair generator: the step that training, scoring and rendering share.

The previous output is shown to the generator beside the references, but never blended in by it: sampled again and
again from frame to frame it would wash out. What is shown in the end is steadied: see `steady`.

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
from vidgan.subject.draft import FLOW_STRIDE, Warped, blend_logits, blended, composite
from vidgan.subject.warp import grid_points, part_flow, resize_flow, sample

OWN_COLOUR_LOGIT = -1.5

STEADINESS = 0.5
"""The share of the last picture, pulled along by the motion, in the next one. At 0.5 flicker against the truth falls by
6 % and the perceptual distance rises by 1 %; at 0.7 the gain is small and the loss is not."""

LEAP = 0.25
"""A pixel that moves by this much (in heights) between two frames, or more, takes nothing from the last picture."""

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

    @classmethod
    def of(cls, colour: Tensor, matte: Tensor, points: Tensor, heights: Tensor) -> Previous:
        """An output that can be trusted, as it is."""
        trust = torch.ones(len(points), device=points.device)
        return cls(torch.cat([colour, matte], 1), points, heights, trust)


@dataclass(frozen=True)
class Pulled:
    """The previous output at the present pose: colour (B, 3, S, S), matte (B, 1, S, S), and confidence (B, 1, S, S), 0
    for what cannot be trusted or comes from afar.
    """

    colour: Tensor
    matte: Tensor
    confidence: Tensor


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


def pull(previous: Previous, points: Tensor, heights: Tensor, size: int) -> Pulled:
    """Pull the previous output along the motion of the body's parts, at size x size pixels."""
    grid = max(16, size // FLOW_STRIDE)
    coarse = part_flow(points, previous.points[:, None], heights, previous.heights[:, None], (grid, grid))
    flow = resize_flow(coarse, (size, size))
    picture = previous.picture
    if picture.shape[-1] != size:
        picture = F.interpolate(picture, (size, size), mode="area")
    pulled = sample(picture[:, None], flow)[:, 0]
    centres = grid_points((size, size), points.device).view(size, size, 2)
    moved = (flow.where[:, 0] - centres).norm(dim=-1) / heights[:, None, None]
    confidence = flow.confidence[:, 0] * (1 - moved / LEAP).clamp(0, 1) * previous.trust[:, None, None]
    return Pulled(pulled[:, :3], pulled[:, 3:], confidence[:, None])


def with_previous(warped: Warped, pulled: Pulled) -> Warped:
    """The references and, as one slot more, the previous output: what the generator sees."""
    return Warped(
        torch.cat([warped.colour, pulled.colour[:, None]], 1),
        torch.cat([warped.matte, pulled.matte], 1),
        torch.cat([warped.confidence, pulled.confidence], 1),
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
    start, _ = blended(references)
    return out._replace(colour=start.detach() + out.colour)


def paint(out: Repair, warped: Warped, plate: Tensor, pulled: Pulled, own: bool = False) -> Painted:
    """Blend the references `warped` (without the previous output) at its size and that of `plate`, which may be
    larger than the generator's: weights, own colour and the matte's change are upsampled, references stay sharp.

    The result is steadied by `pulled`, the previous output at the same size. `own` takes the generator's matte as it is
    instead of as a change of the draft's, and steadies nothing (for the pose-only generator, which knows no parts).
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
        colour, matte = steady(colour, matte, pulled)
    return Painted(composite(colour, matte, plate), colour, matte, weights)


def _at_size(out: Repair, size: int) -> Repair:
    if out.matte.shape[-1] == size:
        return out
    stacked = torch.cat([out.logits, out.colour, out.matte], 1)
    stacked = F.interpolate(stacked, (size, size), mode="bilinear", align_corners=False)
    slots = out.logits.shape[1]
    return Repair(stacked[:, :slots], stacked[:, slots : slots + 3], stacked[:, slots + 3 :])


def steady(colour: Tensor, matte: Tensor, pulled: Pulled) -> tuple[Tensor, Tensor]:
    """The person's colour (B, 3, S, S) and matte (B, 1, S, S), mixed with what was shown of them in the last frame.

    A recursive average along the motion, as in temporal anti-aliasing (Yang et al. 2020, "A Survey of Temporal
    Antialiasing Techniques", section 2), here along the flow of the body's parts: crawling and trembling that the
    motion does not explain average out.
    """
    share = STEADINESS * pulled.confidence
    there = share * pulled.matte  # no colour where the last matte had nobody
    return colour + there * (pulled.colour - colour), matte + share * (pulled.matte - matte)
