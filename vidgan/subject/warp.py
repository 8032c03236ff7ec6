"""Part-wise warps: how a reference frame's pixels reach a driving pose.

Each body part moves by one affine transform between its two bone positions; a soft assignment of pixels to parts
mixes the transforms into one backward flow for each reference, so a joint bends without a second contour.

Legend: B driving poses, K references each, P parts, J landmarks, (h, w) grid; points in window units, the person
window's side being 1, x right and y down. Affines are (..., 2, 3), driving window → reference window (backward).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from einops import rearrange
from torch import Tensor
from torch.nn import functional as F

from vidgan.pose.body import PARTS, Part
from vidgan.pose.track import JOINT

TEMPERATURE = 0.25
"""Of the softmax over squared bone distances in part radii: lower cuts parts apart, higher bends joints over more."""

STRETCH = 2.5
"""A limb is stretched or shortened along its bone by this factor at most, against foreshortened bones."""

RIGID = 1.25
"""The same for hands and feet: too short to measure a stretch by."""

REACH = 2.4
"""How far beyond its bone, in part radii, a part may show: hair and loose clothes, but no smears."""

TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")


@dataclass(frozen=True)
class PartTable:
    """The parts as tensors: `start` and `end` (P, J) average the landmarks of a part's ends; `radius` (P,) is a share
    of person height.
    """

    start: Tensor
    end: Tensor
    radius: Tensor

    @property
    def names(self) -> tuple[str, ...]:
        """The parts' names, in order."""
        return tuple(part.name for part in PARTS)

    @property
    def stretch(self) -> Tensor:
        """How far each part may be stretched along its bone, (P,)."""
        ends = [name.endswith(("hand", "foot")) for name in self.names]
        return torch.where(torch.tensor(ends, device=self.radius.device), RIGID, STRETCH)


def _mean_of(names: tuple[str, ...]) -> Tensor:
    row = torch.zeros(len(JOINT))
    row[[JOINT[name] for name in names]] = 1.0 / len(names)
    return row


@lru_cache(maxsize=8)
def part_table(device: torch.device | str = "cpu", parts: tuple[Part, ...] = PARTS) -> PartTable:
    """The body's parts on a device."""
    return PartTable(
        start=torch.stack([_mean_of(part.start) for part in parts]).to(device),
        end=torch.stack([_mean_of(part.end) for part in parts]).to(device),
        radius=torch.tensor([part.radius for part in parts]).to(device),
    )


def bones(points: Tensor, table: PartTable) -> tuple[Tensor, Tensor]:
    """The two ends of every part: points (..., J, 2) → two (..., P, 2)."""
    return table.start @ points, table.end @ points


def bone_distances(points: Tensor, at: Tensor, height: Tensor, table: PartTable) -> Tensor:
    """Squared distance of each pixel to each part's bone, in part radii.

    points: (B, J, 2) a pose; at: (B, N, 2) pixel positions; height: (B,) person height; window units → (B, P, N).
    """
    start, end = bones(points, table)
    axis = end - start
    offset = at[:, None] - start[:, :, None]
    length2 = axis.square().sum(-1).clamp_min(1e-8)
    along = ((offset * axis[:, :, None]).sum(-1) / length2[..., None]).clamp(0, 1)
    distance2 = (offset - along[..., None] * axis[:, :, None]).square().sum(-1)
    radius2 = (table.radius * height[:, None]).square()
    return distance2 / radius2[..., None]


def part_weights(distances: Tensor) -> Tensor:
    """How much each pixel belongs to each part: a softmax over the parts of `bone_distances` (B, P, N) → the same."""
    return torch.softmax(-distances / TEMPERATURE, dim=1)


def _limb_linear(axis_d: Tensor, axis_r: Tensor, scale: Tensor, stretch: Tensor) -> Tensor:
    """Maps bone onto bone along its axis and keeps the thickness across it: axes (..., 2) → (..., 2, 2)."""
    length_d = axis_d.norm(dim=-1).clamp_min(1e-4)
    length_r = axis_r.norm(dim=-1).clamp_min(1e-4)
    along = (length_r / length_d).clamp(scale / stretch, scale * stretch)
    unit_d, unit_r = axis_d / length_d[..., None], axis_r / length_r[..., None]
    across_d = torch.stack([-unit_d[..., 1], unit_d[..., 0]], -1)
    across_r = torch.stack([-unit_r[..., 1], unit_r[..., 0]], -1)
    outer_along = along[..., None, None] * unit_r[..., :, None] * unit_d[..., None, :]
    return outer_along + scale[..., None, None] * across_r[..., :, None] * across_d[..., None, :]


def _ridge_affine(x: Tensor, y: Tensor, prior: Tensor, ridge: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The affine that takes x (..., N, 2) to y, its linear part drawn to `prior` (..., 2, 2) by `ridge` (...) and its
    stretch kept in [low, high] (...).
    """
    centre_x, centre_y = x.mean(-2, keepdim=True), y.mean(-2, keepdim=True)
    dx, dy = x - centre_x, y - centre_y
    weight = ridge[..., None, None]
    gram = dx.transpose(-1, -2) @ dx + weight * torch.eye(2, device=x.device)
    linear = (dy.transpose(-1, -2) @ dx + weight * prior) @ _inverse(gram)
    linear = _clamp_stretch(linear, low, high)
    shift = centre_y.transpose(-1, -2) - linear @ centre_x.transpose(-1, -2)
    affine: Tensor = torch.cat([linear, shift], -1)
    return affine


def _clamp_stretch(matrix: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The 2x2 matrices with both singular values kept in [low, high], no reflection (closed-form SVD)."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    e, f, g, h = (a + d) / 2, (a - d) / 2, (c + b) / 2, (c - b) / 2
    mean, spread = torch.hypot(e, h), torch.hypot(f, g)
    angle_f, angle_e = torch.atan2(g, f), torch.atan2(h, e)
    first = torch.minimum(torch.maximum(mean + spread, low), high)
    second = torch.minimum(torch.maximum(mean - spread, low), high)
    scales = torch.diag_embed(torch.stack([first, second], -1))
    return _rotation((angle_e + angle_f) / 2) @ scales @ _rotation((angle_e - angle_f) / 2)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], -2)


def _inverse(matrix: Tensor) -> Tensor:
    """Of 2x2 matrices, in closed form (torch.linalg is slow on many tiny ones)."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    adjugate = torch.stack([torch.stack([d, -b], -1), torch.stack([-c, a], -1)], -2)
    return adjugate / (a * d - b * c)[..., None, None]


def _similarity(x: Tensor, y: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The rotation and scale, kept in [low, high], that take centred x (..., N, 2) to y (Procrustes) → (..., 2, 2)."""
    dx, dy = x - x.mean(-2, keepdim=True), y - y.mean(-2, keepdim=True)
    power = dx.square().sum((-1, -2)).clamp_min(1e-8)
    real = (dx * dy).sum((-1, -2)) / power
    imaginary = (dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0]).sum(-1) / power
    size = torch.hypot(real, imaginary).clamp_min(1e-6)
    factor = torch.minimum(torch.maximum(size, low), high) / size
    real, imaginary = real * factor, imaginary * factor
    return torch.stack([torch.stack([real, -imaginary], -1), torch.stack([imaginary, real], -1)], -2)


def part_affines(driving: Tensor, reference: Tensor, height_d: Tensor, height_r: Tensor, table: PartTable) -> Tensor:
    """The backward transform of every part.

    driving: (B, J, 2); reference: (B, K, J, 2); height_d: (B,), height_r: (B, K) person heights, in window units.
    Returns (B, K, P, 2, 3). Limbs map bone onto bone; the torso is an affine from shoulders and hips, the head one from
    the face, each drawn to a similarity so that a side view, where the points nearly fall on a line, stays sane.
    """
    x = driving[:, None].expand_as(reference)
    scale = height_r / height_d[:, None]
    start_d, end_d = bones(x, table)
    start_r, end_r = bones(reference, table)
    sizes = scale[..., None].expand(start_d.shape[:-1])
    linear = _limb_linear(end_d - start_d, end_r - start_r, sizes, table.stretch)
    shift = start_r - (linear @ start_d[..., None]).squeeze(-1)
    affines = torch.cat([linear, shift[..., None]], -1)
    for name, landmarks, ridge, most in (("torso", TORSO, 0.08, 1.5), ("head", FACE, 0.06, 1.25)):
        joints = [JOINT[landmark] for landmark in landmarks]
        points_x, points_y = x[..., joints, :], reference[..., joints, :]
        prior = _similarity(points_x, points_y, 0.8 * scale, 1.25 * scale)
        strength = (ridge * height_d[:, None]).square().expand(scale.shape)
        affines[:, :, table.names.index(name)] = _ridge_affine(
            points_x, points_y, prior, strength, scale / most, scale * most
        )
    return affines


def grid_points(size: tuple[int, int], device: torch.device | str = "cpu") -> Tensor:
    """The pixel centres of an (h, w) grid over the window: (h * w, 2) in window units."""
    h, w = size
    y, x = torch.meshgrid(
        (torch.arange(h, device=device) + 0.5) / h, (torch.arange(w, device=device) + 0.5) / w, indexing="ij"
    )
    return torch.stack([x, y], -1).reshape(-1, 2)


@dataclass(frozen=True)
class Flow:
    """Backward flow: where (B, K, h, w, 2) in window units of the reference; confidence (B, K, h, w) in [0, 1];
    inside (B, h, w) in [0, 1], 1 where the driving body's capsules are; near (B, h, w), 0 beyond the parts' reach.
    """

    where: Tensor
    confidence: Tensor
    inside: Tensor
    near: Tensor


def part_flow(driving: Tensor, reference: Tensor, height_d: Tensor, height_r: Tensor, size: tuple[int, int]) -> Flow:
    """One backward flow for each reference, from the part transforms.

    Arguments as in `part_affines`; size: (h, w) of the grid, which may be coarser than the picture: flow is smooth.
    The confidence is the Bhattacharyya coefficient of the part weights at both ends: 1 where the pixel lands on the
    part it came from, low where another part lies there (occlusion), 0 outside the reference's window.
    """
    b, k = reference.shape[:2]
    table = part_table(driving.device)
    at = grid_points(size, driving.device).expand(b, -1, -1)
    distances_d = bone_distances(driving, at, height_d, table)
    nearest = distances_d.amin(1)
    weights_d = part_weights(distances_d)
    affines = part_affines(driving, reference, height_d, height_r, table)
    mixed = torch.einsum("bpn,bkpc->bknc", weights_d, affines.flatten(-2))
    where = (mixed[..., 0:2] * at[:, None]).sum(-1), (mixed[..., 3:5] * at[:, None]).sum(-1)
    where_xy = torch.stack([where[0] + mixed[..., 2], where[1] + mixed[..., 5]], -1)
    weights_r = part_weights(bone_distances(reference.flatten(0, 1), where_xy.flatten(0, 1), height_r.flatten(), table))
    agreement = (weights_d[:, None] * weights_r.unflatten(0, (b, k))).clamp_min(1e-12).sqrt().sum(2)
    inside = ((where_xy > 0) & (where_xy < 1)).all(-1)
    h, w = size
    return Flow(
        where=rearrange(where_xy, "b k (h w) c -> b k h w c", h=h, w=w),
        confidence=rearrange(agreement * inside, "b k (h w) -> b k h w", h=h, w=w),
        inside=rearrange(torch.sigmoid((1 - nearest) / 0.2), "b (h w) -> b h w", h=h, w=w),
        near=rearrange((REACH + 1 - nearest.sqrt()), "b (h w) -> b h w", h=h, w=w).clamp(0, 1),
    )


def resize_flow(flow: Flow, size: tuple[int, int]) -> Flow:
    """The flow on a finer grid, bilinear."""
    if flow.confidence.shape[-2:] == size:
        return flow
    k = flow.confidence.shape[1]
    where = rearrange(flow.where, "b k h w c -> b (k c) h w")
    stacked = torch.cat([where, flow.confidence, flow.inside[:, None], flow.near[:, None]], 1)
    fine = F.interpolate(stacked, size, mode="bilinear", align_corners=False)
    return Flow(
        where=rearrange(fine[:, : 2 * k], "b (k c) h w -> b k h w c", c=2),
        confidence=fine[:, 2 * k : 3 * k],
        inside=fine[:, -2],
        near=fine[:, -1],
    )


def sample(pictures: Tensor, flow: Flow) -> Tensor:
    """Pictures (B, K, C, H, W) pulled through the flow to its grid: (B, K, C, h, w); zero outside."""
    b, k = pictures.shape[:2]
    grid = flow.where.flatten(0, 1) * 2 - 1
    pulled = F.grid_sample(
        pictures.flatten(0, 1), grid.to(pictures.dtype), mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return pulled.unflatten(0, (b, k))
