"""The parts of a body and how each moves: one affine transform between its two bone positions; a soft assignment of
pixels to parts mixes the transforms.

Legend: B driving poses, K references each, P parts, J landmarks, N pixels; points in window units, the person window's
side being 1, x right and y down. Affines are (..., 2, 3), driving window → reference window (backward).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from vidgan.pose.body import HIPS, PARTS, SHOULDERS, SLEEVE, Part
from vidgan.pose.track import JOINT

TEMPERATURE = 0.25
"""Of the softmax over squared bone distances in part radii: lower cuts parts apart, higher bends joints over more."""

CROSSING = 0.75
"""By how much, in squared part radii, a forearm or a hand is nearer than the axis of the trunk, head or thigh that it
crosses, or farther for somebody seen from behind: with none, an arm would be cut in two there.
"""

FRONTAL = 0.15
"""From this width of shoulders and hips together, in heights, on a person is seen from the front or from behind."""

AGREEMENT = 0.025
"""Parts are mixed as far as they agree where a pixel comes from: to exp(-1/2) at this distance in heights. Mixing those
that do not, such as an arm and the trunk behind it, would sweep over all that lies between them in the reference.
"""

SLEEVE_EDGE = 0.4
"""Half the width of the edge at `SLEEVE` over which an arm hides less and less of what lies behind it, in its radii."""

HARDLY = 0.03
"""How far what an arm hides counts as shown: less than what another reference shows, more than what none does."""

SLIGHT = 0.005
"""Parts that weigh less than this, all together, are not looked for behind the others."""

STRETCH = 2.5
"""A limb is stretched or shortened along its bone by this factor at most, against foreshortened bones."""

ABOVE = 2.0
"""Beyond the shoulders a pixel is so many times as far along the trunk's bone: a neck rises there, and no trunk."""

RIGID = 1.25
"""The same for hands and feet: too short to measure a stretch by."""

TURNING = ("torso", "head")
"""Parts that show another side when they are turned."""

TORSO = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
BEHIND, BEFORE = ("head", "torso", "thigh"), ("lower_arm", "hand")
FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right")

WIDE = {"torso": (TORSO, 0.08, 1.5), "head": (FACE, 0.06, 1.25)}
"""Parts whose affine follows from several landmarks, how far it is drawn to a similarity, as a share of the height,
and the factor by which it is stretched or shortened at most.
"""


@dataclass(frozen=True)
class PartTable:
    """The parts as tensors, in the order of `names`: `start` and `end` (P, J) average the landmarks of a part's ends;
    `radius` (P,) is a share of person height; `stretch` (P,) how far a part may be stretched along its bone; `arms`,
    the indices of forearms and hands, and the `body`, those of trunk, head and thighs, which they cross.
    """

    names: tuple[str, ...]
    start: Tensor
    end: Tensor
    radius: Tensor
    stretch: Tensor
    body: Tensor
    arms: Tensor


def _mean_of(names: tuple[str, ...]) -> Tensor:
    row = torch.zeros(len(JOINT))
    row[[JOINT[name] for name in names]] = 1.0 / len(names)
    return row


def _indices(parts: tuple[Part, ...], endings: tuple[str, ...]) -> Tensor:
    return torch.tensor([index for index, part in enumerate(parts) if part.name.endswith(endings)])


@lru_cache(maxsize=8)
def part_table(device: torch.device | str = "cpu", parts: tuple[Part, ...] = PARTS) -> PartTable:
    """The body's parts on a device."""
    return PartTable(
        names=tuple(part.name for part in parts),
        start=torch.stack([_mean_of(part.start) for part in parts]).to(device),
        end=torch.stack([_mean_of(part.end) for part in parts]).to(device),
        radius=torch.tensor([part.radius for part in parts]).to(device),
        stretch=torch.tensor([RIGID if part.name.endswith(("hand", "foot")) else STRETCH for part in parts]).to(device),
        body=_indices(parts, BEHIND).to(device),
        arms=_indices(parts, BEFORE).to(device),
    )


def bones(points: Tensor, table: PartTable) -> tuple[Tensor, Tensor]:
    """The two ends of every part: points (..., J, 2) → two (..., P, 2)."""
    return table.start @ points, table.end @ points


def bone_distances(points: Tensor, at: Tensor, height: Tensor, table: PartTable) -> Tensor:
    """Squared distance of each pixel to each part's bone, in part radii; above a trunk, see `ABOVE`.

    points: (B, J, 2) a pose; at: (B, N, 2) pixel positions; height: (B,) person height; window units → (B, P, N).
    """
    return segment_distances(*bones(points, table), at, height, table)


def segment_distances(start: Tensor, end: Tensor, at: Tensor, height: Tensor, table: PartTable) -> Tensor:
    """`bone_distances` to bones whose ends (B, P, 2) are known."""
    axis = end - start
    length2 = axis.square().sum(-1).clamp_min(1e-8)
    # By coordinate: sums over a last axis of two are slow, and this is half of the flow's time.
    (axis_x, axis_y), (start_x, start_y) = (value[..., None].unbind(-2) for value in (axis, start))
    offset_x, offset_y = at[:, None, :, 0] - start_x, at[:, None, :, 1] - start_y
    share = (offset_x * axis_x + offset_y * axis_y) / length2[..., None]
    along = share.clamp(0, 1)
    distance2 = (offset_x - along * axis_x).square() + (offset_y - along * axis_y).square()
    if "torso" in table.names:
        trunk = table.names.index("torso")
        beyond = (share[:, trunk] - 1).clamp_min(0)
        upright = (length2[:, trunk] / (table.radius[trunk] * height).square()).clamp_max(1)  # not bent to the camera
        distance2[:, trunk] += ((ABOVE**2 - 1) * upright * length2[:, trunk])[:, None] * beyond.square()
    radius2 = (table.radius * height[:, None]).square()
    return distance2 / radius2[..., None]


def frontal(points: Tensor, height: Tensor) -> Tensor:
    """How far a person is seen from the front, where their arms lie before them: 1 until turned by some 60 degrees, 0
    in profile, -1 from behind; by how far their left is to the right of their spine. points: (..., J, 2); height:
    (...), window units → (...).
    """
    shoulders, hips = (points[..., [JOINT[name] for name in pair], :] for pair in (SHOULDERS, HIPS))
    across = (shoulders + hips).mul(points.new_tensor([[1.0], [-1.0]])).sum(-2)
    x, y = (shoulders - hips).mean(-2).unbind(-1)
    width = (across[..., 1] * x - across[..., 0] * y) / torch.hypot(x, y).clamp_min(1e-6)
    return (width / (FRONTAL * height)).clamp(-1, 1)


def part_weights(distances: Tensor, front: Tensor) -> Tensor:
    """How much each pixel belongs to each part: a softmax over the parts of `bone_distances` (B, P, N) → the same, in
    which forearms and hands go before what they cross of somebody seen from the `front` (B,), and behind a back.
    """
    table, front = part_table(distances.device), front[:, None, None]
    crossed = distances.index_select(1, table.body).amin(1, keepdim=True)
    lead = front.sign() * (CROSSING * front.abs() - crossed).clamp_min(0)
    nearer = distances.index_add(1, table.arms, lead.expand(-1, len(table.arms), -1), alpha=-1)
    return torch.softmax(-nearer / TEMPERATURE, dim=1)


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


@dataclass(frozen=True)
class _Moments:
    """Of corresponding points x and y: their centres (..., 2), dxᵀ dx and dyᵀ dx (..., 2, 2)."""

    x: Tensor
    y: Tensor
    gram: Tensor
    cross: Tensor

    @classmethod
    def of(cls, x: Tensor, y: Tensor) -> _Moments:
        """Of points (..., N, 2)."""
        centre_x, centre_y = x.mean(-2), y.mean(-2)
        dx, dy = x - centre_x[..., None, :], y - centre_y[..., None, :]
        return cls(centre_x, centre_y, dx.transpose(-1, -2) @ dx, dy.transpose(-1, -2) @ dx)

    @classmethod
    def of_parts(cls, x: Tensor, y: Tensor, parts: list[tuple[str, ...]]) -> _Moments:
        """Of some landmarks of poses (..., J, 2) for each part: (parts, ...)."""
        chosen = [[JOINT[name] for name in landmarks] for landmarks in parts]
        found = [vars(cls.of(x[..., joints, :], y[..., joints, :])).values() for joints in chosen]
        return cls(*(torch.stack(values) for values in zip(*found, strict=True)))


def _ridge_affine(points: _Moments, prior: Tensor, ridge: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The affine that takes x to y, (..., 2, 3), its linear part drawn to `prior` (..., 2, 2) by `ridge` (...) and its
    stretch kept in [low, high] (...).
    """
    weight = ridge[..., None, None]
    gram = points.gram + weight * torch.eye(2, device=ridge.device)
    linear = (points.cross + weight * prior) @ _inverse(gram)
    linear = _clamp_stretch(linear, low, high)
    shift = points.y[..., None] - linear @ points.x[..., None]
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


def _similarity(points: _Moments, low: Tensor, high: Tensor) -> Tensor:
    """The rotation and scale, kept in [low, high], that take centred x to y (Procrustes) → (..., 2, 2)."""
    gram, cross = points.gram, points.cross
    power = (gram[..., 0, 0] + gram[..., 1, 1]).clamp_min(1e-8)
    real = (cross[..., 0, 0] + cross[..., 1, 1]) / power
    imaginary = (cross[..., 1, 0] - cross[..., 0, 1]) / power
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
    # Both at once: the formulas are many small operations.
    points = _Moments.of_parts(x, reference, [landmarks for landmarks, _, _ in WIDE.values()])
    low, high = (torch.stack([scale * most**sign for _, _, most in WIDE.values()]) for sign in (-1, 1))
    ridge = torch.stack([(share * height_d[:, None]).square().expand(scale.shape) for _, share, _ in WIDE.values()])
    wide = _ridge_affine(points, _similarity(points, 0.8 * scale, 1.25 * scale), ridge, low, high)
    for name, affine in zip(WIDE, wide, strict=True):
        affines[:, :, table.names.index(name)] = affine
    return affines


@dataclass(frozen=True)
class PartMotion:
    """What the flow of a body follows from, at whatever pixels it is asked for.

    driving: (B, J, 2); reference: (B, K, J, 2); height_d: (B,), height_r: (B, K) person heights, in window units;
    mattes: (B, K, h, w) of the references; alike: (B, K, 2) in (0, 1], how far each shows the parts of `TURNING` turned
    as they are asked, None for all alike.
    """

    driving: Tensor
    reference: Tensor
    height_d: Tensor
    height_r: Tensor
    mattes: Tensor
    alike: Tensor | None = None

    @cached_property
    def affines(self) -> Tensor:
        """Of every part: see `part_affines`."""
        table = part_table(self.driving.device)
        return part_affines(self.driving, self.reference, self.height_d, self.height_r, table)

    @cached_property
    def fronts(self) -> tuple[Tensor, Tensor]:
        """How far the driving bodies (B,) and the references (B, K) are seen from the front."""
        return frontal(self.driving, self.height_d), frontal(self.reference, self.height_r)

    @cached_property
    def bones(self) -> tuple[Tensor, Tensor]:
        """The two ends of the references' parts, (B, K, P, 2) both."""
        return bones(self.reference, part_table(self.reference.device))

    def at(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """For pixels (B, N, 2): where they come from (B, K, N, 2), confidence and what is shown (B, K, N), and the
        squared distance to the driving body's nearest bone (B, N), in part radii.

        The confidence is the Bhattacharyya coefficient of the part weights at both ends: 1 where the pixel lands on the
        part it came from, low where another part lies there, 0 outside the reference's window. Shown is 1 but for
        pixels of trunk, head and thighs, free in the driving pose, that land on a forearm or a hand: these hide them;
        and for those of parts that are turned otherwise, see `TURNING`.
        """
        table = part_table(self.driving.device)
        distances = bone_distances(self.driving, points, self.height_d, table)
        where, weights = self._mixed(points, distances)
        there = self._distances(where)
        theirs = part_weights(there, self.fronts[1].flatten()).unflatten(0, where.shape[:2])
        agreement = (weights * theirs).clamp_min(1e-12).sqrt().sum(2)
        inside = ((where > 0) & (where < 1)).all(-1)
        # An arm that the driving pose has there as well hides nothing that is asked for.
        free = 1 - _behind_arms(distances, table)[:, None]
        hidden = (_behind_arms(there, table).view(agreement.shape) + free - 1).clamp_min(0)
        shown = 1 - (1 - HARDLY) * hidden * weights.index_select(2, table.body).sum(2)
        if self.alike is not None:
            for name, alike in zip(TURNING, self.alike.unbind(-1), strict=True):
                shown = shown * self._turned(alike, shown, weights[:, :, table.names.index(name)])
        return where, agreement * inside, shown, distances.amin(1)

    def _turned(self, alike: Tensor, shown: Tensor, part: Tensor) -> Tensor:
        """How much pixels (B, K, N) that belong to a part so far count beside those of the reference that shows them
        best: has it turned most as asked, (B, K), and hides nothing.
        """
        best = (shown * alike[..., None]).amax(1, keepdim=True)
        return 1 - (1 - (alike[..., None] / best).clamp_max(1)) * part

    def _mixed(self, points: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
        """Where pixels (B, N, 2) at `bone_distances` (B, P, N) come from, (B, K, N, 2), and the weights of the parts
        that agree on it, (B, K, P, N).
        """
        weights = part_weights(distances, self.fronts[0])
        homogeneous = torch.cat([points, torch.ones_like(points[..., :1])], -1).transpose(1, 2)
        landing = torch.einsum("bkpij,bjn->ibkpn", self.affines, homogeneous)
        leading = weights.argmax(1)[:, None, None].expand(*landing.shape[1:3], 1, -1)
        agreeing = weights[:, None] * _agreement(landing, leading, self.height_r[..., None, None], 2)
        self._show_behind(agreeing, landing, weights, distances)
        agreeing = agreeing / agreeing.sum(2, keepdim=True)
        return (agreeing * landing).sum(3).movedim(0, -1), agreeing

    def _show_behind(self, agreeing: Tensor, landing: Tensor, weights: Tensor, distances: Tensor) -> None:
        """Write into `agreeing` (B, K, P, N), where another part than the nearest is seen, the weights of those that
        agree with that one: a limb is thinner than what is near its bone, and where the reference shows nobody beside
        it, what lies behind it is seen.
        """
        # Few pixels of all, m; from here on only they are looked at.
        b, k, n = (agreeing.sum(2) < 1 - SLIGHT).nonzero(as_tuple=True)
        mine, lands = weights[b, :, n], landing.movedim(3, -1)[:, b, k, n]
        rival = (mine - agreeing[b, k, :, n]).argmax(1, keepdim=True)
        parts = (mine.argmax(1, keepdim=True), rival)
        first, second = (torch.cat([one.gather(1, part) for one in lands], 1) for part in parts)
        table, height = part_table(second.device), self.height_r[b, k]
        start, end = (ends[b, k] for ends in self.bones)
        distances_there = segment_distances(start, end, second[:, None], height, table)
        there = part_weights(distances_there, self.fronts[1][b, k])[..., 0]
        own = (there.gather(1, rival) / there.amax(1, keepdim=True))[:, 0]
        seen = self._matte(b, k, first) < 0.5 * self._matte(b, k, second) * own
        seen &= distances[b, :, n].gather(1, rival)[:, 0] < 1
        agrees = mine * _agreement(lands, rival, height[:, None], 1)
        agreeing[b[seen], k[seen], :, n[seen]] = agrees[seen]

    def _distances(self, where: Tensor) -> Tensor:
        """Of the references' own pixels (B, K, N, 2) to their bones: (B * K, P, N), see `segment_distances`."""
        start, end = (ends.flatten(0, 1) for ends in self.bones)
        table = part_table(where.device)
        return segment_distances(start, end, where.flatten(0, 1), self.height_r.flatten(), table)

    def _matte(self, b: Tensor, k: Tensor, where: Tensor) -> Tensor:
        """The mattes of references b, k (m,) at the places (m, 2) in them, the nearest pixel's and 0 outside: (m,)."""
        h, w = self.mattes.shape[-2:]
        x, y = (where[..., 0] * w).long(), (where[..., 1] * h).long()
        inside = ((where >= 0) & (where < 1)).all(-1)
        return self.mattes[b, k, y.clamp(0, h - 1), x.clamp(0, w - 1)] * inside


def _behind_arms(distances: Tensor, table: PartTable) -> Tensor:
    """How far pixels at `bone_distances` (B, P, N) lie on or behind a forearm or a hand: (B, N) in [0, 1]."""
    nearest = distances.index_select(1, table.arms).amin(1).sqrt()
    return ((SLEEVE + SLEEVE_EDGE - nearest) / (2 * SLEEVE_EDGE)).clamp(0, 1)


def _agreement(landing: Tensor, leading: Tensor, height: Tensor, way: int) -> Tensor:
    """How far parts agree with the leading one, 0 to 1, by where they land, x and y (2, ...), and the person's height
    there; the parts, of which `leading` is one, lie along the dimension `way` of x and of y.
    """
    apart = sum((one - one.gather(way, leading)).square() for one in landing)
    return torch.exp(apart / (-2 * (AGREEMENT * height).square()))
