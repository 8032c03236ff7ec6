"""Holes in pictures: filled smoothly from about them, or with texture from elsewhere in the picture.

Legend: H, W pixels; C channels.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.subject import poisson

SIDE, HOLE = 640, 40_000
"""Longer side, and area of the hole, in pixels, of the picture in which texture is looked for, at most: twice the side
takes six times as long, some seconds.
"""

LEAST = 0.1
"""Share of a picture that must be known for its texture to be worth anything."""


SPECK = 1e-4
"""Share of a picture in one piece for which no texture is looked for."""

AROUND = 1.0
"""Texture is looked for within this many widths and heights of the holes' box to each side of it, and `NEAR` pixels."""

NEAR = 96

Fill = Callable[[NDArray[np.uint8], NDArray[np.bool_]], NDArray[np.uint8]]
"""A way to fill the pixels of a picture (H, W, 3) that are not seen (H, W)."""


def smooth(rgb: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the unseen pixels (H, W, 3), (H, W) from about them, alike for like pictures; with grey if none is seen."""
    return push_pull(rgb, seen) if seen.any() else np.full_like(rgb, 128)


def inpaint(rgb: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the unseen pixels (H, W, 3), (H, W) with what the rest of the picture shows, without seams.

    Every pixel is copied from one of the offsets at which the picture is most like itself (He and Sun 2012, "Statistics
    of Patch Offsets for Image Completion", as OpenCV has it). Where the offset changes, the copies have a seam: there,
    and along the hole's rim, their gradient is taken as zero, and the picture is the one with these gradients. What is
    copied depends on every pixel: of two pictures that differ by their noise it may be another part (see `smooth`).
    """
    if seen.all():
        return rgb
    filled = smooth(rgb, seen)
    holes = _without_specks(~seen)
    if not holes.any():
        return filled
    box = _box_about(holes)
    known = ~holes[box]
    if known.mean() < LEAST:
        return filled
    filled[box][~known] = _textured(filled[box], known)[~known]
    return filled


def _without_specks(holes: NDArray[np.bool_]) -> NDArray[np.bool_]:
    _, labels, about, _ = cv2.connectedComponentsWithStats(holes.astype(np.uint8))
    large = about[:, cv2.CC_STAT_AREA] > SPECK * holes.size
    large[0] = False  # what is no hole
    return np.asarray(large[labels])


def _box_about(holes: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The holes' box and where their texture is looked for."""
    sides = []
    for places, side in zip(np.nonzero(holes), holes.shape, strict=True):
        low, high = int(places.min()), int(places.max()) + 1
        more = round(AROUND * (high - low)) + NEAR
        sides.append(slice(max(0, low - more), min(side, high + more)))
    return sides[0], sides[1]


def _textured(rgb: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """As `_completed`, at no more pixels than it takes some seconds for."""
    scale = min(1.0, SIDE / max(known.shape), (HOLE / (~known).sum()) ** 0.5)
    height, width = (max(1, round(scale * side)) for side in known.shape)
    small = np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    whole = cv2.resize(known.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) == 255
    if not whole.any():
        return rgb
    made = cv2.resize(_completed(small, whole), known.shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(made + 0.5, 0, 255).astype(np.uint8)


def _completed(rgb: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The picture (H, W, 3) with texture where it is not known (H, W)."""
    copied = np.zeros_like(rgb)
    cv2.setRNGSeed(0)
    cv2.xphoto.inpaint(rgb, known.astype(np.uint8) * 255, copied, cv2.xphoto.INPAINT_SHIFTMAP)
    copied[known] = rgb[known]
    picture = copied.astype(np.float32)
    across, down = poisson.gradients(picture)
    across[:, :-1] *= _natural(copied, known)[..., None]
    down[:-1] *= _natural(copied.swapaxes(0, 1), known.T).T[..., None]
    return poisson.solve(picture, ~known, across, down)


def _natural(rgb: NDArray[np.uint8], known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a pixel and its right neighbour lie side by side like this in the known part, too: (H, W - 1). If not,
    they were copied from two places.
    """
    code = rgb.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    pairs = code[:, :-1] << 24 | code[:, 1:]
    return np.isin(pairs, pairs[known[:, :-1] & known[:, 1:]])


def push_pull(rgb: NDArray, known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Spread the known pixels into the unknown ones: (H, W, 3), (H, W); see `spread`."""
    return np.clip(spread(rgb, known) + 0.5, 0, 255).astype(np.uint8)


def spread(values: NDArray, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The known values go on into the unknown places, smoothly, by averaging down and filling up a pyramid.

    values: (H, W, C); known: (H, W). (Gortler et al., "The Lumigraph", 1996, section 3.4.)
    """
    levels: list[tuple[NDArray, NDArray]] = [(values.astype(np.float32) * known[..., None], known.astype(np.float32))]
    while max(levels[-1][1].shape) > 1:
        colour, weight = levels[-1]
        size = (max(1, weight.shape[1] // 2), max(1, weight.shape[0] // 2))
        levels.append(
            (
                cv2.resize(colour, size, interpolation=cv2.INTER_AREA),
                cv2.resize(weight, size, interpolation=cv2.INTER_AREA),
            )
        )
    colour, weight = levels[-1]
    filled = colour.reshape(*weight.shape, -1) / np.maximum(weight, 1e-6)[..., None]
    for colour, weight in reversed(levels[:-1]):
        up = cv2.resize(filled.reshape(*filled.shape[:2], -1), weight.shape[::-1], interpolation=cv2.INTER_LINEAR)
        filled = colour + up.reshape(*weight.shape, -1) * (1 - np.minimum(weight, 1))[..., None]
    return np.asarray(filled, np.float32)
