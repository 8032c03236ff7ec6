"""Holes in pictures: filled smoothly from about them, or with texture from elsewhere in the picture.

Legend: H, W pixels; C channels.
"""

from __future__ import annotations

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


def inpaint(rgb: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the unseen pixels (H, W, 3), (H, W) with what the rest of the picture shows, without seams.

    Every pixel is copied from one of the offsets at which the picture is most like itself (He and Sun 2012, "Statistics
    of Patch Offsets for Image Completion", as OpenCV has it). Where the offset changes, the copies have a seam: there,
    and along the hole's rim, their gradient is taken as zero, and the picture is the one with these gradients.
    """
    if seen.all():
        return rgb
    if not seen.any():
        return np.full_like(rgb, 128)
    filled = rgb.copy()
    filled[~seen] = push_pull(rgb, seen)[~seen]
    if seen.mean() < LEAST:
        return filled
    scale = min(1.0, SIDE / max(seen.shape), (HOLE / (~seen).sum()) ** 0.5)
    height, width = (max(1, round(scale * side)) for side in seen.shape)
    small = np.asarray(cv2.resize(filled, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    known = cv2.resize(seen.astype(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA) == 255
    made = cv2.resize(_completed(small, known), seen.shape[::-1], interpolation=cv2.INTER_CUBIC)
    filled[~seen] = np.clip(made + 0.5, 0, 255).astype(np.uint8)[~seen]
    return filled


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
