"""A portrait animated: its own pixels carried by the face mesh, head and hair by the head, the rest left where it is.

Layers from back to front: the background plate; the person, warped; the eyeballs, which look where they should and
which the lids cover; the mouth's inside, the target's own where it shows one, else the driver's in the target's light.

Legend: T frames, J = 478 landmarks, (h, w) the window's pixels; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.expression import gap
from vidgan.face.head import HeadPose, to_head
from vidgan.face.mesh import closed_triangles, edge_on, mesh_flow, polygon, pull, strip
from vidgan.face.mouths import Mouths, colour_gain, to_crop
from vidgan.face.regions import LEFT_EYE, LIP_PAIRS, LIPS_INNER, MESH, MOUTH_CORNERS, RIGHT_EYE
from vidgan.face.transfer import Driven, gaze_of
from vidgan.subject.eyes import Eyeball
from vidgan.subject.inpaint import push_pull, spread
from vidgan.subject.portrait import EYES, Portrait
from vidgan.subject.references import pose_distances, steadiest_path

Array = NDArray[np.float32]

EARS = 0.35
"""Depth in the head frame of the plane that hair and ears are taken to lie in."""

HEAD = (0.95, 1.25)
"""Half width and half height of the skull about the face's middle, in eye distances."""

RIGID, FREE = 1.15, 2.1
"""In skull radii: what is nearer moves with the head, what is farther not at all."""

NECK, CHEST = 1.05, 2.1
"""Heights below the face's middle between which the neck takes up the head's motion."""

REACH = 0.3
"""Eye distances beyond the mesh over which its own motion fades into the head's."""

CALM = 2.0
"""Deviation of the blur of what the mesh's motion is taken to be beside it, in steps of the flow: steep along a cheek
seen from the side, it would ripple."""

BEYOND = 1.1
"""Times an eye's opening: what shut lids hide, white beside the landmarks too."""

SHADE, SHADED = 0.4, 0.06
"""Share of its light that an eye loses beside its lids, and over how many of its widths: a ball under lids is not lit
as a plane, and what of its white was hidden has no shade of its own."""

DRAWN_OUT, DEEP, DARKENS = 1.6, 0.45, 0.06
"""Times that a mouth picture may be drawn out downwards, what is left of its light below that, and over which share of
its width it darkens."""

LASHES, SLIT = 0.65, (0.15, 0.5)
"""Light of the line between shut lids, over that of their skin, and the shares of its open area at which an eye is shut
and at which nothing of that line is seen."""

STRETCH = (1.0, 2.0)
"""Times their area in the picture over which lids lose their grain when an eye shuts."""

LIPS_WIDE, LIPS_DEEP = 0.03, 0.2
"""How far a lip may reach into the ring of its inner edge: in widths of a mouth picture, but never more than this share
of the way to the opening's middle. What is left of it would ring the target's mouth in the lender's red."""


BANNED = 1e4
"""The cost of a mouth that is not to be taken."""


@dataclass(frozen=True)
class Borrowed:
    """Which mouth to show in each frame: own (T,) indices of the target's pictures, share (T,) how much of the driver's
    mouth is shown instead, 0 to 1.
    """

    own: NDArray[np.int64]
    share: Array

    def __getitem__(self, frames: NDArray[np.int64]) -> Borrowed:
        """Those of the chosen frames."""
        return Borrowed(self.own[frames], self.share[frames])


class FacePainter:
    """Paints a portrait in given poses.

    driven: the target's face as it shall be; lent: the driver's mouths, one a frame, or None for silence about them;
    rest: another picture of the same face, to take the eyes from (they may be shut in this one); borrowed: what
    `choose_mouths` says, if known already.
    """

    def __init__(
        self, portrait: Portrait, driven: Driven, lent: Mouths | None, rest: Portrait | None = None,
        borrowed: Borrowed | None = None,
    ) -> None:  # fmt: skip
        self.portrait, self.driven, self.lent, self.rest = portrait, driven, lent, rest or portrait
        self.window = moving_window(portrait.pose, portrait.picture.shape)
        left, top, right, bottom = self.window
        self._size = (bottom - top, right - left)
        unit = float(portrait.pose.scale[0])
        self._stride = max(1, round(unit / 56))
        self._gaps = gap(to_head(driven.points, driven.pose), LIP_PAIRS)
        self.borrowed = borrowed or choose_mouths(portrait, driven, lent)

    @cached_property
    def _layers(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        left, top, right, bottom = self.window
        inside = np.s_[top:bottom, left:right]
        one = self.portrait
        return one.picture[inside], one.spread[inside], one.matte[inside], one.plate[inside]

    @cached_property
    def _light(self) -> Array:
        """Factors (3,) from the light of the picture at rest to this picture's."""
        return np.ones(3, np.float32) if self.rest is self.portrait else colour_gain(self.portrait.skin, self.rest.skin)

    @cached_property
    def _edge_on(self) -> NDArray[np.bool_]:
        return edge_on(self.portrait.points[:MESH])

    @property
    def _origin(self) -> NDArray[np.float64]:
        return np.array(self.window[:2], np.float64)

    def paint(self, index: int) -> NDArray[np.uint8]:
        """The whole picture (H, W, 3) in the `index`-th frame."""
        picture, person, matte, plate = self._layers
        points = self.driven.points[index]
        where = self.flow(index)
        moved = np.linalg.norm(where - _grid(self._size), axis=-1)
        warped = pull(person, where).astype(np.float32)
        cover = pull(matte, where, cv2.INTER_LINEAR).astype(np.float32)[..., None] / 255
        self._eyes(warped, index)
        self._mouth(warped, index)
        out = plate + cover * (warped - plate)
        # What does not move is the picture itself, to the last grey level.
        still = np.clip(1 - 4 * (cv2.blur(moved, (5, 5)) - 0.02), 0, 1)[..., None]
        out = out + still * self._apart_from_holes(points) * (picture - out)
        result = self.portrait.picture.copy()
        left, top, right, bottom = self.window
        result[top:bottom, left:right] = np.clip(out + 0.5, 0, 255)
        return result

    def flow(self, index: int) -> Array:
        """For every pixel of the window its place in the window of the picture: (h, w, 2)."""
        stride = self._stride
        grid = (-(-self._size[0] // stride), -(-self._size[1] // stride))
        points, home = self.driven.points[index], self.portrait.points
        at = _grid(grid) * stride + self._origin
        rigid, weight = self._head(at, index)
        mesh = mesh_flow(
            (points[:MESH, :2] - self._origin) / stride, home[:MESH, :2], closed_triangles(), grid, points[:MESH, 2]
        )
        # Of cheeks seen from the side, here or in the picture, a triangle stretches what it hardly shows.
        known = mesh.inside & ~(edge_on(points[:MESH]) | self._edge_on)[mesh.face]
        own = spread((mesh.where - rigid) * known[..., None], known)
        beyond = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3) * stride
        fade = np.exp(-((beyond / (REACH * self.driven.pose.scale[index])) ** 2))[..., None]
        shift = weight[..., None] * (rigid - at) + fade * cv2.GaussianBlur(own, (0, 0), CALM)
        shift[known] = (mesh.where - at)[known]
        # Slivers of triangles seen edge-on would come out as specks.
        calm = np.dstack(
            [cv2.medianBlur(np.ascontiguousarray(part), 3) for part in cv2.split(shift.astype(np.float32))]
        )
        fine = cv2.resize(calm, (grid[1] * stride, grid[0] * stride), interpolation=cv2.INTER_LINEAR)
        return np.asarray(_grid(self._size) + fine[: self._size[0], : self._size[1]], np.float32)

    def _head(self, at: Array, index: int) -> tuple[Array, Array]:
        """Where the head as a rigid body has the pixels `at` (h, w, 2) from, and how much each belongs to it (h, w)."""
        here, home = self.driven.pose[index : index + 1], self.portrait.pose
        linear = here.scale[0] * here.rotation[0, :2, :2]
        offset = here.scale[0] * here.rotation[0, :2, 2] * EARS + here.translation[0, :2]
        head = (at - offset) @ np.linalg.inv(linear).T
        back = home.scale[0] * home.rotation[0, :2, :2]
        start = home.scale[0] * home.rotation[0, :2, 2] * EARS + home.translation[0, :2]
        radius = np.hypot(head[..., 0] / HEAD[0], (head[..., 1] + 0.1) / HEAD[1])
        weight = _fall(radius, RIGID, FREE) * _fall(head[..., 1], NECK, CHEST)
        return (head @ back.T + start).astype(np.float32), weight.astype(np.float32)

    def _apart_from_holes(self, points: NDArray) -> Array:
        """0 where eyes and mouth are, whose layers may change without the skin around them: (h, w, 1)."""
        away = np.ones(self._size, np.float32)
        for ring in (LEFT_EYE, RIGHT_EYE, LIPS_INNER):
            place = points[list(ring), :2] - self._origin
            away *= 1 - polygon(place, self._size, 2.0)
        return away[..., None]

    # --- eyes ---------------------------------------------------------------------------------------------------

    def _eyes(self, canvas: Array, index: int) -> None:
        for (ring, around, corners, _), ball in zip(EYES, self.rest.eyeballs, strict=True):
            if ball is not None:
                self._eye(canvas, index, ball, list(ring), list(around), list(corners))

    @cached_property
    def _aside(self) -> NDArray[np.float64]:
        """How far the irises of the picture are from those of the picture at rest, in eye widths: (2,)."""
        there, here = (gaze_of(to_head(one.points[None], one.pose))[0] for one in (self.rest, self.portrait))
        return here - there

    def _eye(
        self, canvas: Array, index: int, ball: Eyeball, ring: list[int], around: list[int], corners: list[int]
    ) -> None:
        points, home = self.driven.points[index, :, :2], self.rest.points[:, :2]
        matrix = _similarity(points[corners], home[corners])
        place, was = points[ring], _brought(self.portrait.points[:, :2], points, corners)[ring]
        middle = was.mean(0)
        soft = 0.012 * float(self.driven.pose.scale[index])
        margin = 3 + round(6 * soft)
        box = _box(np.concatenate([place, points[around], middle + BEYOND * (was - middle)]), margin, self.window)
        if box is None:
            return
        left, top, right, bottom = box
        size, corner = (bottom - top, right - left), np.array([left, top])
        where = (_grid(size) + corner) @ matrix[:, :2].T + matrix[:, 2]
        x, y = self.window[:2]
        view = canvas[top - y : bottom - y, left - x : right - x]
        part = _area(place) / max(_area(was), 1.0)
        across = max(float(np.linalg.norm(points[corners[0]] - points[corners[1]])), 1e-3)
        inside = polygon(place - corner, size, min(soft, 0.3 * _area(place) / across))[..., None]
        # Skin beside the lashes stretches over the shut eye: its grain is lost, and what is no skin is replaced.
        lid = np.maximum(
            polygon(middle + BEYOND * (was - middle) - corner, size, 2 * soft),
            polygon(points[around] - corner, size, 2 * soft),
        )[..., None]
        shut = 1 - float(np.clip((part - SLIT[0]) / (SLIT[1] - SLIT[0]), 0, 1))
        rim = np.minimum(inside, 1 - inside) * (1 - shut)  # left to the lashes; shut lids have none but their line
        lid = lid * (1 - inside - rim) * np.clip(2 * (1 - part) - 0.3, 0, 1)
        skin, plain = ball.lids(where) * self._light, cv2.GaussianBlur(view, (0, 0), 3 * soft + 0.1)
        other = np.abs(plain.mean(-1, keepdims=True) / np.maximum(skin.mean(-1, keepdims=True), 1) - 1)
        beside = 4 * polygon(place - corner, size, 3 * soft)[..., None]  # white that the landmarks leave out
        other = np.clip(np.maximum((other - 0.12) / 0.12, beside), 0, 1)
        home_lids = _area(home[around]) - _area(home[ring])
        lids = (_area(points[around]) - _area(place)) * abs(float(np.linalg.det(matrix[:, :2])))
        stretched = np.clip((lids / max(home_lids, 1.0) - STRETCH[0]) / (STRETCH[1] - STRETCH[0]), 0, 1)
        grain = view + stretched * (plain - view)
        view += lid * (grain + other * (skin - grain) - view)
        # The lids' rims come with the skin: lashes and shade stay with them, and shut lids show no edge.
        cover = inside - rim
        width = float(np.linalg.norm(home[corners[0]] - home[corners[1]]))
        gaze = self.driven.gaze[index]
        shift = (gaze + self._aside) * width
        lit = np.clip(2 * polygon(place - corner, size, SHADED * across)[..., None] - 1, 0, 1)
        pulled = ball.look(where, shift) * (1 - SHADE * (1 - lit)) * self._light
        pulled += shut * (np.minimum(view, LASHES * skin) - pulled)
        # An eye that does nothing is left as it is, to the lashes.
        moved = np.linalg.norm((place - was) @ matrix[:, :2].T, axis=1).max() / width
        share = np.clip(25 * (moved + np.hypot(*gaze)) - 0.3, 0, 1)
        view += share * cover * (pulled - view)

    # --- the mouth ----------------------------------------------------------------------------------------------

    def _mouth(self, canvas: Array, index: int) -> None:
        place = self.driven.points[index, list(LIPS_INNER), :2]
        box = _box(place, 3, self.window)
        if box is None:
            return
        left, top, right, bottom = box
        size = (bottom - top, right - left)
        x, y = self.window[:2]
        view = canvas[top - y : bottom - y, left - x : right - x]
        inside, place = view.copy(), place - [left, top]
        own, share = self.portrait.mouths, float(self.borrowed.share[index])
        if len(own) and share < 1:
            chosen = int(self.borrowed.own[index])
            # A filmed mouth that does nothing is left as it is.
            moved = self._moved_lips(index)
            inside += moved * (self._inside(own, chosen, place, size) - inside)
        if self.lent is not None and share > 0:
            inside = inside + share * (self._inside(self.lent, index, place, size) - inside)
        cover = polygon(place, size, 0.010 * float(self.driven.pose.scale[index]))[..., None]
        view += _parted(self._gaps[index]) * cover * (inside - view)

    def _inside(self, mouths: Mouths, chosen: int, place: NDArray, size: tuple[int, int]) -> Array:
        """One of some mouths in the picture's light, drawn into the ring `place` (R, 2) of a box: (h, w, 3)."""
        gain = colour_gain(self.portrait.skin, mouths.skin[chosen])
        return _filled(mouths.pictures[chosen], mouths.rings[chosen], place, size) * gain

    def _moved_lips(self, index: int) -> float:
        """How far the lips are from where the picture has them: 0 for not at all, 1 for clearly."""
        points = self.driven.points[index, :, :2]
        was = _brought(self.portrait.points[:, :2], points, list(MOUTH_CORNERS))
        ring = list(LIPS_INNER)
        moved = np.linalg.norm(points[ring] - was[ring], axis=1).max() / self.driven.pose.scale[index]
        return float(np.clip(40 * moved - 0.2, 0, 1))


def moving_window(pose: HeadPose, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): the part of a picture of that shape that can move with the head, of one frame."""
    height, width = shape[:2]
    wide, tall = (FREE * side for side in HEAD)
    corners = np.array([[x, y, EARS] for x in (-wide, wide) for y in (-tall - 0.1, CHEST)])
    seen = pose.scale[0] * corners @ pose.rotation[0].T + pose.translation[0]
    sway = 0.5 * pose.scale[0]
    left, top = np.clip(np.floor(seen[:, :2].min(0) - sway), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(seen[:, :2].max(0) + sway), 0, [width, height]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def choose_mouths(
    portrait: Portrait, driven: Driven, lent: Mouths | None, visits: NDArray[np.int64] | None = None,
    banned: NDArray[np.bool_] | None = None,
) -> Borrowed:  # fmt: skip
    """The target's own mouth pictures for every frame, steadily, and how much of the driver's to show instead.

    A single picture shows its own mouth's inside as far as that is open; a video's own mouths are taken where one of
    them is of nearly the asked shape. visits: (T,) of a film with cuts, see `vidgan.face.shots`; banned: (T, N) the
    target's mouths that are not to be taken for a frame.
    """
    asked = gap(to_head(driven.points, driven.pose), LIP_PAIRS)
    own, share = np.zeros(len(driven), np.int64), np.zeros(len(driven), np.float32)
    if not len(portrait.mouths):
        share[:] = np.clip((asked - 1.1 * portrait.mouth_gap - 0.005) / 0.025, 0, 1) * (lent is not None)
        return Borrowed(own, share)
    shapes, wanted = portrait.mouths.shapes(), _asked_shapes(driven)
    visits = np.zeros(len(driven), np.int64) if visits is None else visits
    for visit in np.unique(visits):
        frames = np.flatnonzero(visits == visit)
        costs = pose_distances(wanted[frames], shapes)
        if banned is not None:
            costs = costs + BANNED * banned[frames].astype(np.float32)
        own[frames] = steadiest_path(costs, 0.004)
        missed = np.sqrt(costs[np.arange(len(frames)), own[frames]])
        lacking = np.clip((missed - 0.10) / 0.08, 0, 1) * (lent is not None)
        share[frames] = cv2.blur(lacking.astype(np.float32)[:, None], (1, 5))[:, 0]
    return Borrowed(own, share)


def _asked_shapes(driven: Driven) -> Array:
    """The shape of the asked mouths, as `Mouths.shapes`."""
    rings = []
    for points in driven.points:
        matrix = to_crop(points)
        rings.append(points[list(LIPS_INNER), :2] @ matrix[:, :2].T + matrix[:, 2])
    empty = np.zeros((len(rings), 1, 1, 3), np.uint8)
    return Mouths(empty, np.array(rings, np.float32), np.zeros((len(rings), 3), np.float32)).shapes()


def _filled(picture: NDArray[np.uint8], ring: Array, place: NDArray, size: tuple[int, int]) -> Array:
    """A mouth picture's inside, without its lips, drawn into the ring `place` (R, 2) of a box: (h, w, 3) float32."""
    whole = (polygon(ring, picture.shape, 0.0) > 0.6).astype(np.uint8)
    depth = cv2.distanceTransform(whole, cv2.DIST_L2, 3)
    known = np.asarray(depth > np.clip(LIPS_DEEP * float(depth.max()), 1, LIPS_WIDE * picture.shape[1]))
    if known.sum() >= 20:
        picture = push_pull(picture, known)
    opened = _opened(ring, place)
    if opened is not ring:
        below = cv2.distanceTransform(1 - whole, cv2.DIST_L2, 3) / (DARKENS * picture.shape[1])
        picture = (picture * (1 - (1 - DEEP) * np.clip(below, 0, 1))[..., None]).astype(np.uint8)
    picture, ring = _shrunk(picture, opened, place)
    faces = strip(tuple(range(len(ring))))
    flow = mesh_flow(place, ring, faces, size)
    near = spread(flow.where * flow.inside[..., None], flow.inside) if flow.inside.any() else flow.where
    return pull(picture, np.ascontiguousarray(near, np.float32), cv2.INTER_LINEAR).astype(np.float32)


def _sides(ring: NDArray) -> NDArray[np.float64]:
    """How wide a mouth's ring (R, 2) is between its corners, and how tall across that."""
    axis = ring[len(ring) // 2] - ring[0]
    across = max(float(np.hypot(*axis)), 1e-3)
    return np.array([across, np.ptp((ring - ring[0]) @ np.array([-axis[1], axis[0]])) / across])


def _opened(ring: Array, place: NDArray) -> Array:
    """The ring of a mouth picture, gone on downwards where the ring `place` (R, 2) is taller for its width.

    A mouth opens below its upper teeth: drawn out with it, these would fill it.
    """
    (across, tall), (have_across, have_tall) = _sides(place), _sides(ring)
    more = tall * have_across / max(across * have_tall, 1e-3) / DRAWN_OUT
    if more <= 1:
        return ring
    half, out = len(ring) // 2, ring.copy()
    lower, upper = list(range(1, half)), list(range(len(ring) - 1, half, -1))
    out[lower] = ring[upper] + more * (ring[lower] - ring[upper])
    return out


def _shrunk(picture: NDArray[np.uint8], ring: Array, place: NDArray) -> tuple[NDArray[np.uint8], Array]:
    """A mouth picture and its ring no larger than the ring `place` (R, 2) that it is drawn into: teeth in a narrow slit
    would flicker between the pixels.
    """
    share = np.clip(_sides(place) / np.maximum(np.ptp(ring, axis=0), 1e-3), 0, 1)
    height, width = picture.shape[:2]
    size = np.maximum(np.round(share * [width, height]), 2).astype(int)
    small = cv2.resize(picture, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.asarray(ring * size / [width, height], np.float32)


def _parted(opening: float) -> float:
    """How much of the mouth's inside shows between lips that far apart, in eye distances: none between shut ones."""
    return float(np.clip((opening - 0.008) / 0.02, 0, 1))


def _area(ring: NDArray) -> float:
    return float(cv2.contourArea(ring.astype(np.float32)))


def _brought(home: NDArray, points: NDArray, corners: list[int]) -> NDArray[np.float64]:
    """Landmarks `home` (J, 2) of a picture brought to `points` (J, 2) by the similarity that joins two corners."""
    matrix = _similarity(home[corners], points[corners])
    return np.asarray(home @ matrix[:, :2].T + matrix[:, 2])


def _similarity(source: NDArray, target: NDArray) -> NDArray[np.float64]:
    """The similarity (2, 3) that takes two points (2, 2) to two others."""
    a, b = source[1] - source[0], target[1] - target[0]
    power = max(float(a @ a), 1e-9)
    real, imaginary = float(a @ b) / power, float(a[0] * b[1] - a[1] * b[0]) / power
    linear = np.array([[real, -imaginary], [imaginary, real]])
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


def _box(points: NDArray, margin: int, limits: tuple[int, int, int, int]) -> tuple[int, int, int, int] | None:
    """The box (left, top, right, bottom) around points (n, 2) within limits; None when nothing of it is there."""
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - margin, limits[:2])
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + margin, limits[2:])
    return (int(left), int(top), int(right), int(bottom)) if right - left > 2 and bottom - top > 2 else None


def _grid(size: tuple[int, int]) -> Array:
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + 0.5
    return np.stack([x, y], -1)


def _fall(values: NDArray, start: float, end: float) -> NDArray:
    """1 up to `start`, smoothly to 0 at `end`."""
    part = np.clip((values - start) / (end - start), 0, 1)
    return np.asarray(1 - part * part * (3 - 2 * part))
