"""The clean plate: the target's background without the person.

Legend: N sampled frames, H, W the plate's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STRIP = 64


@dataclass(frozen=True)
class Plate:
    """rgb: (H, W, 3) uint8; seen: (H, W) bool, False where no frame showed the background and it was inpainted."""

    rgb: NDArray[np.uint8]
    seen: NDArray[np.bool_]


def masked_median(frames: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The median over frames of the pixels that are not hidden.

    frames: (N, H, W, 3); hidden: (N, H, W). Returns the median (H, W, 3), zero where every frame is hidden, and where
    at least one was not (H, W). For an even count the lower of the two middle values is taken.
    """
    n, height, width, _ = frames.shape
    median = np.zeros((height, width, 3), np.uint8)
    seen = np.zeros((height, width), bool)
    for top in range(0, height, STRIP):
        rows = slice(top, min(height, top + STRIP))
        strip, away = frames[:, rows].astype(np.int16), hidden[:, rows]
        strip[away] = 256  # sorts behind every grey level
        strip.sort(axis=0)
        count = n - away.sum(0)
        middle = np.maximum(count - 1, 0) // 2
        median[rows] = np.take_along_axis(strip, middle[None, :, :, None], 0)[0] * (count > 0)[..., None]
        seen[rows] = count > 0
    return median, seen


def inpaint(rgb: NDArray[np.uint8], seen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill the unseen pixels from their surroundings: coarse to fine, then a seam-free finish at full size."""
    if seen.all():
        return rgb
    if not seen.any():
        return np.full_like(rgb, 128)
    filled = rgb.copy()
    coarse = push_pull(rgb, seen)
    filled[~seen] = coarse[~seen]
    scale = min(1.0, 320 / max(rgb.shape[:2]))
    small = cv2.resize(filled, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hole = cv2.resize((~seen).astype(np.uint8), small.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    small = cv2.inpaint(small, hole, 5, cv2.INPAINT_TELEA)
    large = cv2.resize(small, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur((~seen).astype(np.float32), (0, 0), 1.5)[..., None]
    soft = np.where(seen[..., None], 0, np.maximum(soft, 0.5))
    filled = filled * (1 - soft) + large * soft
    return np.clip(filled, 0, 255).astype(np.uint8)


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


def clean_plate(frames: NDArray[np.uint8], person: NDArray[np.uint8], outside: NDArray[np.bool_]) -> Plate:
    """The plate of a still (or stabilised) camera.

    frames: (N, H, W, 3); person: (N, h, w) matte 0-255 at any size; outside: (N, H, W), where a stabilised frame shows
    nothing. The mattes are grown by 1.5 % of the height so that soft edges and contact shadows do not stain the plate.
    """
    height, width = frames.shape[1:3]
    reach = 2 * max(2, round(0.015 * height)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    hidden = np.stack([cv2.dilate(cv2.resize(one, (width, height)), kernel) > 20 for one in person]) | outside
    median, seen = masked_median(frames, hidden)
    return Plate(inpaint(median, seen), seen)
