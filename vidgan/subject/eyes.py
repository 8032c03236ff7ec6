"""The eyes of a picture, whole: white and iris as two layers that go on under the lids, and the lids' skin over them.

A picture shows of an eye what the lids leave free. When they open wider, or the gaze moves, more is needed: the white
is carried on from where it is clear of lids and lashes, the iris completed by its colours at each distance from its
middle. When they shut, the skin beside the lashes would have to stretch several times over, lashes and all: there the
lids' plain skin is laid.

Legend: (h, w) the pixels of the eye's part of the picture; positions in pixels of the picture, centres at +0.5.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.mesh import polygon, pull
from vidgan.subject.inpaint import push_pull

Array = NDArray[np.float32]
Picture = NDArray[np.uint8]

RIMS = (0.07, 0.035, 0.0)
"""Shares of the eye's width along its lids that may show lashes and their shade; the next where the first leaves
nothing."""

EDGE = (1.0, 1.25)
"""Radii of the iris between which it fades into the white."""

SKIN = (0.4, 0.85)
"""Quantiles of the light around an eye, less its even fall from one side to the other, between which it is the lids'
skin: darker are lashes and folds, brighter what shows of the white beside its landmarks."""

WHITE = (0.35, 0.8)
"""Quantiles of the light of an eye's white between which it goes on under the lids: darker is shade, brighter the
side that is lit."""

DARKER = 0.12
"""Share of the white's light by which an iris is darker: carved eyes have none."""

_STEPS, _SIZES = np.linspace(-0.5, 0.5, 5), (0.85, 1.0, 1.15)
"""Radii by which an iris may lie beside its landmarks, and how large it may be for them."""

_RINGS = 0.1
_ENOUGH = 12
"""Pixels below which something is not seen."""


@dataclass(frozen=True)
class Eyeball:
    """white, iris, skin: (h, w, 3) uint8, the last of the lids; origin: (2,) their place; centre: (2,) of the iris;
    to_disc: (2, 2), takes what is seen from the centre to the disc of radius 1.
    """

    white: Picture
    iris: Picture
    skin: Picture
    origin: NDArray[np.float64]
    centre: NDArray[np.float64]
    to_disc: NDArray[np.float64]

    def look(self, where: NDArray, shift: NDArray) -> Array:
        """The ball at the places `where` (h, w, 2) with its iris moved by `shift` (2,) pixels: (h, w, 3)."""
        white = _pulled(self.white, where - self.origin)
        moved = where - shift
        radius = _radius(moved, self.centre, self.to_disc)
        part = np.clip((radius - EDGE[0]) / (EDGE[1] - EDGE[0]), 0, 1)
        share = (1 - part * part * (3 - 2 * part))[..., None]
        return np.asarray(white + share * (_pulled(self.iris, moved - self.origin) - white), np.float32)

    def lids(self, where: NDArray) -> Array:
        """The lids' skin at the places `where` (h, w, 2): (h, w, 3)."""
        return _pulled(self.skin, where - self.origin)


def eyeball(picture: Picture, ring: NDArray, around: NDArray, iris: NDArray) -> Eyeball | None:
    """The eyeball between the lids of a picture; None where it shows none: shut, carved without an iris, outside.

    Args:
        picture: (H, W, 3).
        ring: (R, 2) the lids' edges.
        around: (S, 2) the ring that bounds the lids' skin.
        iris: (5, 2) the iris' middle, then four points around its edge.
    """
    height, width = picture.shape[:2]
    wide = float(np.ptp(ring[:, 0]))
    margin = max(6, round(0.5 * wide))
    left, top = np.maximum(np.floor(ring.min(0)).astype(int) - margin, 0)
    right, bottom = np.minimum(np.ceil(ring.max(0)).astype(int) + margin, [width, height])
    if right <= left or bottom <= top:  # the mesh goes on beyond the picture
        return None
    part, origin = picture[top:bottom, left:right], np.array([left, top], np.float64)
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    at, light = np.stack([x, y], -1), cv2.GaussianBlur(part.astype(np.float32).mean(-1), (0, 0), 0.01 * wide)
    open_ = polygon(ring - origin, part.shape, 0.0) > 0.95
    disc = _settled(at, light, open_, iris)
    if disc is None:
        return None
    radius = _radius(at, *disc)
    clear, white = _clear(open_, radius > EDGE[1], wide)
    # Of an eye too small to tell its white from its iris, the brighter half is the white.
    dim, glaring = np.quantile(light[white], WHITE if white is not open_ else (0.5, 1.0))
    ball = push_pull(part, white & (light >= dim) & (light <= glaring))
    skin = (polygon(around - origin, part.shape, 0.0) > 0.95) & ~open_
    lids = _plain_skin(part, light, skin, open_, wide)
    return Eyeball(ball, _whole_iris(part, ball, clear, radius), lids, origin, *disc)


def _plain_skin(
    part: Picture, light: NDArray, around: NDArray[np.bool_], open_: NDArray[np.bool_], wide: float
) -> Picture:
    """The lids' skin, of what is `around` the eye, gone on over it: (h, w, 3)."""
    away = cv2.distanceTransform((~open_).astype(np.uint8), cv2.DIST_L2, 3)
    around = next((far for far in (around & (away > rim * wide) for rim in RIMS) if far.sum() >= _ENOUGH), around)
    if not around.any():
        return part
    # One lid's side may lie in shadow: lashes, folds and white are told by what is lit alike.
    y, x = np.nonzero(around)
    plane = np.stack([x, y, np.ones_like(x)], -1).astype(np.float64)
    apart = light[around] - plane @ np.linalg.lstsq(plane, light[around], rcond=None)[0]
    low, high = np.quantile(apart, SKIN)
    plain = np.zeros_like(around)
    plain[around] = (apart >= low) & (apart <= high)
    return push_pull(part, plain)


def _settled(
    at: NDArray, light: NDArray, open_: NDArray[np.bool_], iris: NDArray
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The middle of the iris and what takes it to its disc, moved from the mesh's guess to where the disc is darkest
    against what is around it; None where nothing is dark all over.
    """
    half = np.stack([iris[1] - iris[3], iris[2] - iris[4]], 1).astype(np.float64) / 2
    steps = np.array([(u, v) for u in _STEPS for v in _STEPS])
    best, found = -np.inf, None
    for size in _SIZES:
        to_disc = np.linalg.pinv(size * half)
        for step in steps:
            radius = _radius(at, iris[0] + half @ step, to_disc)
            inner, outer = open_ & (radius < 0.9), open_ & (radius > 1.1) & (radius < 1.7)
            if min(inner.sum(), outer.sum()) < _ENOUGH:
                continue
            darker = 1 - float(np.quantile(light[inner], 0.75)) / max(float(np.median(light[outer])), 1.0)
            score = darker * (1 - 0.3 * float(np.hypot(*step)))
            if darker > DARKER and score > best:
                best, found = score, (np.asarray(iris[0] + half @ step, np.float64), to_disc)
    return found


def _radius(at: NDArray, centre: NDArray, to_disc: NDArray) -> NDArray:
    """How far places (h, w, 2) are from the middle of the iris, in its radii."""
    return np.asarray(np.linalg.norm((at - centre) @ to_disc.T, axis=-1))


def _clear(open_: NDArray[np.bool_], beyond: NDArray[np.bool_], wide: float) -> tuple[NDArray, NDArray]:
    """What is clear of the lids, and of that the white: (h, w) bool twice."""
    depth = cv2.distanceTransform(open_.astype(np.uint8), cv2.DIST_L2, 3)
    for rim in RIMS:
        clear = depth > rim * wide
        if (clear & beyond).sum() >= _ENOUGH:
            return clear, clear & beyond
    return open_, open_


def _whole_iris(part: Picture, ball: Picture, clear: NDArray[np.bool_], radius: NDArray) -> Picture:
    """The iris with what the lids hide of it, (h, w, 3); `ball` where nothing of it is seen."""
    near = clear & (radius < EDGE[1])
    if near.sum() < _ENOUGH:
        return ball
    middles = np.arange(_RINGS / 2, EDGE[1], _RINGS)
    rings = [near & (np.abs(radius - middle) <= _RINGS / 2) for middle in middles]
    known = [index for index, ring in enumerate(rings) if ring.any()]
    colours = np.array([np.median(part[rings[index]], 0) for index in known])
    whole = np.stack([np.interp(radius, middles[known], column) for column in colours.T], -1)
    share = cv2.GaussianBlur(cv2.erode(clear.astype(np.float32), np.ones((3, 3))), (0, 0), 0.8)[..., None]
    return np.clip(whole + share * (part - whole) + 0.5, 0, 255).astype(np.uint8)


def _pulled(picture: Picture, where: NDArray) -> Array:
    return pull(picture, where.astype(np.float32)).astype(np.float32)
