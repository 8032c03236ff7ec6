"""The mouth's inside in an animated picture: whose picture of it is shown when, and how it gets between the lips.

Legend: T frames, N mouth pictures, R points of the inner lips, J = 478 landmarks, (h, w) pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.expression import gap
from vidgan.face.head import to_head
from vidgan.face.mesh import mesh_flow, polygon, pull, strip
from vidgan.face.mouths import Mouths, colour_gain, to_crop
from vidgan.face.regions import LIP_PAIRS, LIPS_INNER, MOUTH_CORNERS
from vidgan.face.transfer import Driven
from vidgan.subject.inpaint import push_pull, spread
from vidgan.subject.places import Window, box, brought
from vidgan.subject.portrait import Portrait
from vidgan.subject.references import pose_distances, steadiest_path

Array = NDArray[np.float32]

DRAWN_OUT, DEEP, DARKENS = 1.6, 0.45, 0.06
"""Times that a mouth picture may be drawn out downwards, what is left of its light below that, and over which share of
its width it darkens."""

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


class MouthLayer:
    """Draws mouths into the `window` of a portrait animated as `driven`; lent, borrowed: see `FacePainter`."""

    def __init__(
        self, portrait: Portrait, driven: Driven, lent: Mouths | None, borrowed: Borrowed, window: Window
    ) -> None:
        self.portrait, self.driven, self.lent, self.borrowed, self.window = portrait, driven, lent, borrowed, window
        self._gaps = gap(to_head(driven.points, driven.pose), LIP_PAIRS)

    def draw(self, canvas: Array, index: int) -> None:
        """Draw the mouth into the warped window (h, w, 3), in the `index`-th frame."""
        place = self.driven.points[index, list(LIPS_INNER), :2]
        found = box(place, 3, self.window)
        if found is None:
            return
        left, top, right, bottom = found
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
        return filled(mouths.pictures[chosen], mouths.rings[chosen], place, size) * gain

    def _moved_lips(self, index: int) -> float:
        """How far the lips are from where the picture has them: 0 for not at all, 1 for clearly."""
        points = self.driven.points[index, :, :2]
        was = brought(self.portrait.points[:, :2], points, list(MOUTH_CORNERS))
        ring = list(LIPS_INNER)
        moved = np.linalg.norm(points[ring] - was[ring], axis=1).max() / self.driven.pose.scale[index]
        return float(np.clip(40 * moved - 0.2, 0, 1))


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


def filled(picture: NDArray[np.uint8], ring: Array, place: NDArray, size: tuple[int, int]) -> Array:
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
