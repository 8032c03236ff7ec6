"""The lower face as a patch: warped from another frame to a mouth's landmarks, matched in colour, laid in a soft hull.

Legend: J = 478 landmarks, A points of the anchor ring, (h, w) pixels of a window; landmarks in pixels of the window,
pixel centres at +0.5; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import HeadPose, from_head
from vidgan.face.mesh import closed_triangles, mesh_flow, polygon, pull
from vidgan.face.mouth import MouthShape
from vidgan.face.regions import JAW, LIPS_OUTER, OVAL

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

SIDE = 1.96
"""The side of the window that holds a lower face and its ring, in distances of the outer eye corners."""

RING_GROWTH = 1.42
"""The anchor ring lies so many times as far from the face's middle as the jaw: on the neck, which does not speak."""

CHIN: tuple[int, ...] = (136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365)
"""The jaw's outline under the mouth, from the person's right to left."""

HULL: tuple[int, ...] = (*CHIN, 364, 434, 427, 425, 371, 327, 2, 98, 142, 205, 207, 214, 135)
"""The ring about all that speech moves: under the chin, over the cheeks, just below the nose."""

SOFT = 0.05
"""The hull's soft edge, and BAND its outer zone whose colour is matched, in distances of the outer eye corners."""

SHADOW = 0.14
"""How far below a chin its shadow reaches, in distances of the outer eye corners."""

BAND = 0.10

INSET = 0.06
"""Skin closer than this to the face's outline is not compared: a hair's breadth off, it is hair or neck."""

EDGE = 0.12
"""The hull fades within this of its window's edge, which a face far larger than the window was made for may reach."""

MOST_SHIFT = 40.0
"""Grey levels by which colours are matched at most."""

DARK = 10.0
"""Grey levels that are added to both sides of a ratio, so that black pixels do not decide it."""

STRANGE = 26.0
"""Grey levels by which a smoothed window must differ from what the face should look like to be something before it."""


def window_corner(points: NDArray, side: int) -> tuple[int, int]:
    """The left and top, in whole pixels of the frame, of the window about the lower face of landmarks (J, 2)."""
    middle = 0.5 * (points[list(LIPS_OUTER)].mean(0) + points[list(CHIN)].mean(0))
    left, top = np.round(middle - side / 2).astype(int)
    return int(left), int(top)


@cache
def _faces() -> NDArray[np.int32]:
    """The mesh's triangles, closed, and a band of triangles from the jaw to the anchor ring (landmarks from J on)."""
    n = len(JAW)
    first = 478
    band = [(JAW[i], JAW[i + 1], first + i) for i in range(n - 1)]
    band += [(JAW[i + 1], first + i + 1, first + i) for i in range(n - 1)]
    return np.concatenate([np.array(band, np.int32), closed_triangles()])


def anchors(shape: MouthShape, pose: HeadPose) -> NDArray[np.float64]:
    """The ring on the neck, which moves with the head alone: (T, A, 2) in pixels of the frame."""
    jaw = shape.mean[list(JAW)]
    middle = shape.mean[[2, 164, 0]].mean(0)
    ring = middle + RING_GROWTH * (jaw - middle)
    ring[:, 2] = jaw[:, 2]
    return from_head(np.broadcast_to(ring, (len(pose), *ring.shape)), pose)[..., :2]


@dataclass(frozen=True)
class Face:
    """A face in a window: points (J, 2) and the anchor ring (A, 2), in pixels of the window."""

    points: NDArray[np.float64]
    ring: NDArray[np.float64]

    @property
    def corners(self) -> NDArray[np.float64]:
        """All corners of the mesh with its band, (J + A, 2)."""
        return np.concatenate([self.points, self.ring])


@dataclass(frozen=True)
class Warped:
    """A source at a face: picture (h, w, 3) float32; inside (h, w) bool, where the mesh or its band is."""

    picture: Array
    inside: NDArray[np.bool_]


def warped(source: Picture, source_face: Face, face: Face, size: int) -> Warped:
    """A window's picture pulled from `source_face` to `face`."""
    flow = mesh_flow(face.corners, source_face.corners, _faces(), (size, size))
    return Warped(pull(source, flow.where).astype(np.float32), flow.inside)


def hull(faces: list[Face], size: int, unit: float) -> Array:
    """What is repainted, (size, size) in [0, 1]: the lower parts of all the faces, the one to be shown last, softened.

    Where another chin is lower than the shown one, its shadow below it is taken along. `unit`: pixels between the outer
    eye corners. At the window's edge it is 0.
    """
    cover = np.zeros((size, size), np.float32)
    for face in faces:
        cover = np.maximum(cover, polygon(face.points[list(HULL)], (size, size), 0))
    grown = cv2.dilate(cover, _disc(0.04 * unit))
    drop = max(face.points[152, 1] for face in faces) - faces[-1].points[152, 1]
    if drop > 0:
        below = _disc(0.5 * min(SHADOW * unit, 2 * drop))
        grown = cv2.dilate(grown, below, anchor=(below.shape[1] // 2, below.shape[0] - 1))  # downwards alone
    soft = SOFT * unit
    inner = cv2.erode(grown, _disc(soft))
    smooth = np.asarray(cv2.GaussianBlur(inner, (0, 0), max(0.5, soft / 2)), np.float32)
    smooth *= _within(size, EDGE * unit)
    return np.where(smooth < 0.004, 0, smooth).astype(np.float32)


def matched(patch: Warped, frame: Picture, faces: list[Face], cover: Array, unit: float) -> Array:
    """The patch in the frame's light: their smooth ratio about the hull's edge, carried on into it.

    A ratio, as light falls on skin and on hair alike: the difference found on skin would blacken hair.

    faces: those that must all cover a pixel for it to count, so that cheeks are compared with cheeks.
    Returns (h, w, 3) float32.
    """
    zone = ((cover > 0.02) & (cover < 0.6)) | _about(cover, BAND * unit)
    zone &= patch.inside
    for face in faces:
        oval = np.pad(polygon(face.points[list(OVAL)], _size(frame), 0), 1, constant_values=1)  # goes on beyond it
        zone &= cv2.erode(oval, _disc(INSET * unit))[1:-1, 1:-1] > 0.9
    weight = zone.astype(np.float32)
    difference = np.clip(frame.astype(np.float32) - patch.picture, -MOST_SHIFT, MOST_SHIFT) * weight[..., None]
    small = max(1, int(unit / 24))
    size = (max(4, frame.shape[1] // small), max(4, frame.shape[0] // small))
    level = (patch.picture + DARK) * weight[..., None]
    gain = _spread(difference, size) / np.maximum(_spread(level, size), 1e-6)
    gain = cv2.resize(gain, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    shift = np.clip(gain * (patch.picture + DARK), -MOST_SHIFT, MOST_SHIFT)
    return np.asarray(patch.picture + shift, np.float32)


def _spread(values: Array, size: tuple[int, int]) -> Array:
    """Values (h, w, 3), 0 where there is none, carried on over all of a small picture (width, height)."""
    low = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    near, far = (np.asarray(cv2.GaussianBlur(low, (0, 0), sigma), np.float32) for sigma in (5.0, 14.0))
    return near + 0.03 * far  # near places count most, far ones fill


def strangers(frame: Picture, expected: Array, face: Face, cover: Array, unit: float) -> Array:
    """What stands before the lower face, such as a hand or a microphone, (h, w) in [0, 1] softened.

    frame: the window as filmed; expected: another frame of the person at the same landmarks, matched in colour. The
    inside of the mouth may differ.
    """
    apart = np.abs(cv2.GaussianBlur(frame.astype(np.float32) - expected, (0, 0), 0.03 * unit)).max(-1)
    lips = cv2.dilate(polygon(face.points[list(LIPS_OUTER)], _size(frame), 0), _disc(0.1 * unit))
    found = ((apart > STRANGE) & (cover > 0.1) & (lips < 0.5)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, _disc(0.03 * unit).astype(np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found)
    keep = np.zeros_like(found)
    for label in range(1, count):
        if stats[label, cv2.CC_STAT_AREA] > (0.12 * unit) ** 2:
            keep[labels == label] = 1
    if not keep.any():
        return np.zeros(frame.shape[:2], np.float32)
    grown = cv2.dilate(keep, _disc(0.05 * unit).astype(np.uint8)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(grown, (0, 0), 0.02 * unit), np.float32)


def laid(frame: Picture, patch: Array, cover: Array) -> Picture:
    """The patch over the frame inside the hull; outside of it the frame's own pixels, unchanged."""
    share = cover[..., None]
    mixed = share * patch + (1 - share) * frame
    return np.where(share > 0, np.clip(np.round(mixed), 0, 255), frame).astype(np.uint8)


def mouth_sharpness(picture: Picture, face: Face) -> float:
    """Mean absolute Laplacian over the mouth, grey levels."""
    x, y = face.points[list(LIPS_OUTER)].T
    grown = 0.15 * (x.max() - x.min())
    rows = slice(max(0, int(y.min() - grown)), int(y.max() + grown) + 1)
    columns = slice(max(0, int(x.min() - grown)), int(x.max() + grown) + 1)
    part = picture[rows, columns]
    if not part.size:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2GRAY)
    return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean())


def _size(picture: NDArray) -> tuple[int, int]:
    return int(picture.shape[0]), int(picture.shape[1])


def _within(size: int, reach: float) -> Array:
    """0 at a window's edge, 1 from `reach` pixels on inside it, smooth between: (size, size)."""
    places = np.arange(size)
    far = np.clip(np.minimum(places, size - 1 - places) / max(reach, 1), 0, 1).astype(np.float32)
    row = far * far * (3 - 2 * far)
    return row[:, None] * row[None]


def _disc(radius: float) -> NDArray[np.uint8]:
    side = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)


def _about(cover: Array, width: float) -> NDArray[np.bool_]:
    near = cv2.dilate((cover > 0.02).astype(np.uint8), _disc(width)) > 0
    return np.asarray(near & (cover <= 0.02), np.bool_)
