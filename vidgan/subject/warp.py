"""Part-wise warps: how a reference frame's pixels reach a driving pose.

The parts' transforms (see `vidgan.subject.parts`) give one backward flow for each reference, so a joint bends without a
second contour; where parts come from afar it has cuts.

Legend: B driving poses, K references each, P parts, J landmarks, (h, w) grid; points in window units, the person
window's side being 1, x right and y down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vidgan.subject.parts import PartMotion, bones, part_table

CUT = 3.0
"""Neighbours on a coarse grid whose origins are this many times their own distance apart lie on two sides of a cut."""

FEATHER = 1 / 640
"""Half the width of the softened band along a cut, as a share of the window."""

CHUNK = 1 << 16
"""Pixels whose flow is computed at once, against memory."""

REACH = 2.4
"""How far beyond its bone, in part radii, a part may show: hair and loose clothes, but no smears."""

CORE = (0.4, 0.7)
"""Part radii from a bone up to which the body surely is, and from which on it may not be."""


def grid_points(size: tuple[int, int], device: torch.device | str = "cpu", columns: slice = slice(None)) -> Tensor:
    """The pixel centres of an (h, w) grid over the window, or its `columns`: (h * w, 2) in window units."""
    h, w = size
    down, across = ((torch.arange(n, device=device) + 0.5) / n for n in (h, w))
    y, x = torch.meshgrid(down, across[columns], indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


@dataclass(frozen=True)
class Flow:
    """Backward flow: where (B, K, h, w, 2) in window units of the reference; confidence (B, K, h, w) in [0, 1]; shown
    (B, K, h, w) in [0, 1], low where an arm lies before it in the reference, or trunk or head are turned otherwise;
    nearest (B, h, w) the squared distance to a body's nearest bone, in part radii, or to a face's nearest landmark, in
    its heights; columns: of its grid, which has as many as rows, the w in which it is known; parts: what it follows
    from, None for a flow that has no cuts; cuts: (B, h * w) bool, where there may be one, of a flow that was resized.
    """

    where: Tensor
    confidence: Tensor
    shown: Tensor
    nearest: Tensor
    columns: slice
    parts: PartMotion | None = None
    cuts: Tensor | None = None

    @property
    def inside(self) -> Tensor:
        """(B, h, w) in [0, 1], 1 where a driving body's capsules are."""
        return torch.sigmoid((1 - self.nearest) / 0.2)

    @property
    def near(self) -> Tensor:
        """(B, h, w) in [0, 1], 0 beyond the reach of a driving body's parts."""
        return (REACH + 1 - self.nearest.sqrt()).clamp(0, 1)

    @property
    def core(self) -> Tensor:
        """(B, h, w) in [0, 1], 1 along a driving body's bones, where it surely is, however slim."""
        low, high = CORE
        return ((high - self.nearest.sqrt()) / (high - low)).clamp(0, 1)


def part_flow(parts: PartMotion, grid: int, columns: slice | None = None) -> Flow:
    """One backward flow for each reference, from the part transforms.

    grid: its rows and columns, which may be fewer than the picture's: but for its cuts, where `resize_flow` computes it
    anew, the flow is smooth. columns: those that are asked for, all by default.
    """
    columns = columns or slice(0, grid)
    at = grid_points((grid, grid), parts.driving.device, columns)
    where, confidence, shown, nearest = parts.at(at.expand(len(parts.driving), -1, -1))
    size = (grid, len(at) // grid)
    return Flow(
        where=where.unflatten(2, size),
        confidence=confidence.unflatten(2, size),
        shown=shown.unflatten(2, size),
        nearest=nearest.unflatten(1, size),
        columns=columns,
        parts=parts,
    )


def reached(parts: PartMotion, grid: int, size: int) -> slice:
    """The columns of a grid x grid within the reach of the driving bodies' parts, as `about` has them: about half of
    all for a standing person.
    """
    table = part_table(parts.driving.device)
    ends = torch.stack(bones(parts.driving, table))[..., 0]
    reach = (REACH + 1) * table.radius * parts.height_d[:, None]
    sides = torch.stack([(ends.amin(0) - reach).amin(), (ends.amax(0) + reach).amax()]) * size
    first, last = sides.clamp(0, size).tolist()
    return about(slice(int(first), math.ceil(last)), grid, size)


def about(columns: slice, grid: int, size: int) -> slice:
    """The columns of a grid x grid that hold those of size x size pixels, with one more to each side: what is
    interpolated in them is as if there were all. All, where pixels lie across the grid's borders.
    """
    if size % grid:
        return slice(0, grid)
    factor = size // grid
    start = min(max(0, columns.start // factor - 1), grid - 2)
    return slice(start, max(start + 2, min(grid, -(-columns.stop // factor) + 1)))


def resize_flow(flow: Flow, size: int) -> Flow:
    """The flow on a finer grid of size x size, in the same columns: bilinear, and computed anew about its cuts.

    size: a multiple of the grid's, unless the flow holds all columns.
    """
    k, grid, width = flow.confidence.shape[1:]
    if grid == size:
        return flow
    columns = slice(flow.columns.start * size // grid, flow.columns.stop * size // grid)
    shape = (size, size * width // grid)
    where = rearrange(flow.where, "b k h w c -> b (k c) h w")
    stacked = torch.cat([where, flow.confidence, flow.shown, flow.nearest[:, None]], 1)
    fine = F.interpolate(stacked, shape, mode="bilinear", align_corners=False)
    where = rearrange(fine[:, : 2 * k], "b (k c) h w -> b k (h w) c", c=2).contiguous()
    confidence, shown = (fine[:, start : start + k].flatten(2).contiguous() for start in (2 * k, 3 * k))
    cuts = None
    if flow.parts is not None:
        cuts = _cuts(flow, shape)
        at = grid_points((size, size), cuts.device, columns)
        _recompute(flow.parts, cuts, at, where, confidence, shown)
    where, confidence, shown = (value.unflatten(2, shape) for value in (where, confidence, shown))
    return Flow(where, confidence, shown, fine[:, -1], columns, flow.parts, cuts)


def widened(pictures: Tensor, columns: slice, size: int) -> Tensor:
    """Pictures (..., H, w) of some columns of a window that is `size` pixels wide: (..., H, size), zero beyond."""
    beyond = (columns.start, size - columns.stop)
    return F.pad(pictures, beyond) if any(beyond) else pictures


def _cuts(flow: Flow, size: tuple[int, int]) -> Tensor:
    """The pixels of a finer grid that bilinear resizing would smear over a cut of the flow: (B, H * W) bool."""
    assert flow.parts is not None
    scale = flow.parts.height_r / flow.parts.height_d[:, None]
    most = CUT * scale[..., None, None] / flow.confidence.shape[-2]
    x, y = flow.where.unbind(-1)
    down, across = ((x.diff(dim=way).square() + y.diff(dim=way).square() > most.square()).any(1) for way in (2, 3))
    shows = F.max_pool2d(flow.near, 2, stride=1) > 0
    cells = (down[:, :, :-1] | down[:, :, 1:] | across[:, :-1] | across[:, 1:]) & shows
    rows, columns = (
        ((torch.arange(fine, device=cells.device) + 0.5) * (coarse + 1) / fine - 0.5).long().clamp(0, coarse - 1)
        for fine, coarse in zip(size, cells.shape[1:], strict=True)
    )
    return cells[:, rows[:, None], columns].flatten(1)


def _recompute(parts: PartMotion, wanted: Tensor, at: Tensor, where: Tensor, confidence: Tensor, shown: Tensor) -> None:
    """Write the exact flow at the `wanted` (B, N) of the pixels `at` (N, 2) into where (B, K, N, 2), confidence and
    shown (B, K, N).
    """
    most = int(wanted.sum(1).amax())
    # As many for each pose: what fills up the shorter lists is computed anew as well.
    index = wanted.byte().topk(most, dim=1).indices
    for some in index.split(CHUNK, 1):
        exact, trust, seen, _ = parts.at(at[some])
        place = some[:, None].expand(trust.shape)
        where.scatter_(2, place[..., None].expand(exact.shape), exact)
        confidence.scatter_(2, place, trust)
        shown.scatter_(2, place, seen)


def sample(pictures: Tensor, where: Tensor, mode: str = "bilinear") -> Tensor:
    """Pictures (B, K, C, H, W) read at a flow's places (B, K, h, w, 2): (B, K, C, h, w); zero outside. mode: see
    `torch.nn.functional.grid_sample`; "bicubic" goes a little beyond the pictures' range.
    """
    b, k = pictures.shape[:2]
    grid = where.flatten(0, 1) * 2 - 1
    pulled = F.grid_sample(
        pictures.flatten(0, 1), grid.to(pictures.dtype), mode=mode, padding_mode="zeros", align_corners=False
    )
    return pulled.unflatten(0, (b, k))


def feathered(pictures: Tensor, flow: Flow) -> Tensor:
    """Pictures (B, K, C, h, w) that came through a resized flow, averaged along its cuts with what is about them: where
    two parts meet there is an edge, but no staircase.
    """
    h, w = pictures.shape[-2:]
    reach = round(FEATHER * h)
    if flow.cuts is None or not reach:
        return pictures
    batch, y, x = flow.cuts.view(-1, h, w).nonzero(as_tuple=True)

    def at(dy: int, dx: int) -> Tensor:
        return (y + dy).clamp(0, h - 1) * w + (x + dx).clamp(0, w - 1)

    origins = flow.where.flatten(2, 3)
    own = origins[batch, :, at(0, 0)]
    across = [(dy * reach, dx * reach) for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    apart = torch.stack([(origins[batch, :, at(*step)] - own).square().sum(-1) for step in across]).amax(0)
    assert flow.parts is not None
    scale = (flow.parts.height_r / flow.parts.height_d[:, None])[batch]
    band, reference = (apart > (CUT * scale * reach / h).square()).nonzero(as_tuple=True)
    batch, y, x = batch[band], y[band], x[band]
    flat = pictures.flatten(3).clone()
    steps = range(-reach, reach + 1)
    about = [flat[batch, reference, :, at(dy, dx)] for dy in steps for dx in steps]
    flat[batch, reference, :, at(0, 0)] = torch.stack(about).mean(0)
    return flat.view_as(pictures)
