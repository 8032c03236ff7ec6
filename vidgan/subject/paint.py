"""From poses to pictures with a repair generator: the step that training, scoring and rendering share.

The slots of a blend are the references and, last, the generator's own picture; each has a colour and a matte, and both
are averaged with the same weights. The previous output is shown to the generator beside the references, but never
blended in: sampled again and again from frame to frame it would wash out.

Legend: B driving poses, K references; the slots of a blend are the K references, then the generator's own picture;
s pixels at the network's size, S at the picture's size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.nets.repair import Repair
from vidgan.subject.draft import FLOW_STRIDE, Warped, believed, blend_logits, composite, mix
from vidgan.subject.rig import Rig
from vidgan.subject.warp import about, grid_points, resize_flow, sample, widened

STEADINESS = 0.65
"""The share of a body's last picture, pulled along by the motion, in its next one."""

CELL = 0.004
"""The side of the cells, as a share of the window, to whose values about a pixel a last picture is held."""

LEAP = 0.25
"""A pixel that moves by this much (in heights) between two frames, or more, takes nothing from the last picture."""

DOUBT = 8.0
"""Exponent of how far an own picture is believed, see `doubted`: high enough against what it has learnt to trust."""

SIMILAR = 0.6
"""The difference of own picture and references, of colours in [-1, 1], at which it gets 1/e of their finest detail."""

STRANGE = 0.012
"""A pose so far from all that are known, in the units of `Choice.far`, divides by e what an own picture counts."""

NOBODY = -20.0
"""A matte's logit where there is nobody."""


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
    for what cannot be trusted or comes from afar; inner: the columns beyond which there is nobody, and all of it is 0.
    """

    colour: Tensor
    matte: Tensor
    confidence: Tensor
    inner: slice


@dataclass(frozen=True)
class Painted:
    """picture: (B, 3, S, S) in [-1, 1], over the plate; colour: (B, 3, S, S) of the person; matte: (B, 1, S, S);
    weights: (B, K + 1, S, S); own: (B, 3, S, S), the generator's own picture over the plate.
    """

    picture: Tensor
    colour: Tensor
    matte: Tensor
    weights: Tensor
    own: Tensor


def nothing_before(points: Tensor, heights: Tensor, size: int) -> Previous:
    """The state before a first frame."""
    picture = torch.zeros(len(points), 4, size, size, device=points.device)
    # Copies: training writes the poses of earlier outputs into them, and must not write into its batch.
    return Previous(picture, points.clone(), heights.clone(), torch.zeros(len(points), device=points.device))


def pull(previous: Previous, points: Tensor, heights: Tensor, size: int, rig: Rig) -> Pulled:
    """Pull the previous output along the subject's motion, at size x size pixels."""
    grid = max(16, size // FLOW_STRIDE)
    picture = previous.picture
    poses = (points, previous.points[:, None], heights, previous.heights[:, None])
    inner = rig.columns(points, size)
    flow = resize_flow(rig.flow(*poses, picture[:, 3:], grid, about(inner, grid, size)), size)
    if picture.shape[-1] != size:
        picture = F.interpolate(picture, (size, size), mode="area")
    here = slice(inner.start - flow.columns.start, inner.stop - flow.columns.start)
    where, confidence = flow.where[:, :, :, here], (flow.confidence * flow.shown)[:, 0, :, here]
    # Sampled again and again from frame to frame, a picture read between its pixels by straight lines washes out.
    pulled = sample(picture[:, None], where, mode="bicubic")[:, 0]
    centres = grid_points((size, size), points.device, inner).view(size, -1, 2)
    moved = torch.hypot(*(where[:, 0] - centres).unbind(-1)) / heights[:, None, None]
    confidence = confidence * (1 - moved / LEAP).clamp(0, 1) * previous.trust[:, None, None]
    stacked = torch.cat([pulled[:, :3].clamp(-1, 1), pulled[:, 3:].clamp(0, 1), confidence[:, None]], 1)
    whole = widened(stacked, inner, size)
    return Pulled(whole[:, :3], whole[:, 3:4], whole[:, 4:], inner)


def resized(pulled: Pulled, size: int) -> Pulled:
    """The same at size x size pixels, no more than it has."""
    old = pulled.matte.shape[-1]
    if old == size:
        return pulled
    colour, matte, confidence = (
        F.interpolate(one, (size, size), mode="area") for one in (pulled.colour, pulled.matte, pulled.confidence)
    )
    inner = slice(pulled.inner.start * size // old, -(-pulled.inner.stop * size // old))
    return Pulled(colour, matte, confidence, inner)


def with_slot(warped: Warped, colour: Tensor, matte: Tensor, confidence: Tensor) -> Warped:
    """The references and one slot more: colour (B, 3, S, S), matte and confidence (B, 1, S, S)."""
    return Warped(
        torch.cat([warped.colour, colour[:, None]], 1),
        torch.cat([warped.matte, matte], 1),
        torch.cat([warped.confidence, confidence], 1),
        warped.core,
    )


def with_previous(warped: Warped, pulled: Pulled) -> Warped:
    """The references and, as one slot more, the previous output: what the generator sees."""
    return with_slot(warped, pulled.colour, pulled.matte, pulled.confidence)


def repair(generator: nn.Module, maps: Tensor, inner: slice, plate: Tensor, warped: Warped) -> Repair:
    """Run the generator at its own size s on the columns `inner` of its window.

    maps: (B, M, s / 2, s / 2), see `Rig.conditioning`; inner: see `Rig.columns`; plate: (B, 3, s, s). Beyond the
    columns there is nobody in its own picture, and its trust in the slots is that of the last column.
    """
    size = plate.shape[-1]
    pictures = (plate, warped.colour, warped.matte, warped.confidence)
    half = slice(inner.start // 2, inner.stop // 2)
    out: Repair = generator(maps[..., half], *(picture[..., inner] for picture in pictures))
    border = (inner.start, size - inner.stop)
    return Repair(
        logits=F.pad(out.logits, (*border, 0, 0), mode="replicate"),
        colour=F.pad(out.colour, border),
        matte=F.pad(out.matte, border, value=NOBODY),
    )


def doubted(out: Repair, core: Tensor, fineness: float, far: float) -> Repair:
    """The same, its own picture counting less where it shows nobody along the driving body's bones, `core`
    (B, 1, s, s): of a limb in a pose that it was not trained on it may know nothing; and the less, the finer the
    references are, `fineness` of their pixels go to one of its own, and the farther the pose is from those known, see
    `Choice.far`. For rendering alone: a network would learn to make up for it.
    """
    logits = out.logits.clone()
    logits[:, -1:] += DOUBT * believed(torch.sigmoid(out.matte), core).clamp_min(1e-3).log()
    logits[:, -1:] -= math.log(max(1.0, fineness)) + far / STRANGE
    return out._replace(logits=logits)


def paint(out: Repair, warped: Warped, plate: Tensor, rig: Rig, fine: bool = True) -> Painted:
    """Blend the references `warped` (without the previous output) at its size and that of `plate`, which may be larger
    than the generator's: weights and own picture are upsampled, and what is finer than that comes from the references,
    unless `fine` is False (for a generator that knows no references). rig: says how far the own picture is trusted.
    """
    small, size = out.matte.shape[-1], plate.shape[-1]
    out = _at_size(out, size)
    base = blend_logits(warped)
    # Below all references together, so that where none is trusted much it does not fall to the own picture.
    own_base = base.logsumexp(1, keepdim=True) + rig.trust
    logits = torch.cat([base, own_base], 1) + out.logits
    own_colour, own_matte = out.colour, torch.sigmoid(out.matte)
    if fine and size > small:
        shown, there = mix(torch.softmax(logits[:, :-1], 1), warped)
        own_colour = finer(own_colour, shown, small).clamp(-1, 1)
        own_matte = finer(own_matte, there, small).clamp(0, 1)
    weights = torch.softmax(logits, 1)
    colour, matte = mix(weights, with_slot(warped, own_colour, own_matte, own_matte))
    own = composite(own_colour, own_matte, plate)
    return Painted(composite(colour, matte, plate), colour, matte, weights, own)


def finer(own: Tensor, references: Tensor, small: int) -> Tensor:
    """The own picture with the detail of the references that `small` x `small` pixels cannot hold, as far as the two
    agree (`SIMILAR`) on what these can: (B, C, S, S) both → the same.
    """
    coarse = F.interpolate(references, (small, small), mode="area")
    coarse = F.interpolate(coarse, own.shape[-2:], mode="bilinear", align_corners=False)
    agree = torch.exp(-(own - coarse).abs().mean(1, keepdim=True) / SIMILAR)
    return own + agree * (references - coarse)


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
    motion does not explain average out. The last picture is first held to the values about each pixel of the present
    one (their section 4.2, history rectification), so that no ghost stays of what is gone.
    """
    cell = max(1, round(CELL * matte.shape[-1]))
    shown = torch.cat([colour, matte], 1)
    now = shown[..., pulled.inner].clone()
    last = torch.cat([pulled.colour, pulled.matte], 1)[..., pulled.inner]
    share = STEADINESS * pulled.confidence[..., pulled.inner]
    there = share * last[:, 3:]  # no colour where the last matte had nobody
    shown[..., pulled.inner] += torch.cat([there, there, there, share], 1) * (held(last, now, cell) - now)
    return shown[:, :3], shown[:, 3:]


def held(last: Tensor, now: Tensor, cell: int) -> Tensor:
    """A last picture (B, C, h, w) held to the range of the present one's values about each pixel: in its own cell of so
    many pixels a side and those that touch it, between cells as a mixture of both.
    """
    low, high = (_about(now, cell, extreme) for extreme in (torch.minimum, torch.maximum))
    return torch.minimum(torch.maximum(last, low), high)


@torch.no_grad()
def _about(values: Tensor, cell: int, extreme: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """The lowest or highest of the values (B, C, h, w) in each cell and those that touch it, between cells a mixture.

    By comparing shifted pictures: max_pool2d keeps track of places, which takes three times as long.
    """
    h, w = values.shape[-2:]
    around = F.pad(values, (0, -w % cell, 0, -h % cell), mode="replicate")
    for dim in (-2, -1):
        around = reduce(extreme, around.unflatten(dim, (-1, cell)).unbind(dim))
        first, last = (around.narrow(dim, at, 1) for at in (0, around.shape[dim] - 1))
        wide = torch.cat([first, around, last], dim)
        around = reduce(extreme, (wide.narrow(dim, at, around.shape[dim]) for at in range(3)))
    grown = F.interpolate(around, scale_factor=cell, mode="bilinear", align_corners=False) if cell > 1 else around
    return grown[..., :h, :w]
