"""Pictures of a mouth's inside over time, cut alike, to be lent where a target shows none.

Legend: N pictures of h x w pixels, R = 20 points of the lips' inner edge (`LIPS_INNER`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.regions import LIPS_INNER

SIZE = (120, 160)
"""Height and width of the pictures; the mouth's corners lie level, seven tenths of the width apart."""

SKIN = (50, 280, 117, 346, 151, 9, 205, 425, 36, 266)
"""Landmarks on cheeks and forehead: where a face's colour is taken from."""


@dataclass(frozen=True)
class Mouths:
    """pictures: (N, h, w, 3) uint8; rings: (N, R, 2) float32, the lips' inner edge in their pixels; skin: (N, 3) the
    face's colour in the frame of each, 0-255.
    """

    pictures: NDArray[np.uint8]
    rings: NDArray[np.float32]
    skin: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, frames: NDArray[Any]) -> Mouths:
        """The mouths of the chosen frames."""
        return Mouths(self.pictures[frames], self.rings[frames], self.skin[frames])

    def shapes(self) -> NDArray[np.float32]:
        """The opening's height at five places over its width: (N, 5), a shape to compare by."""
        half = len(LIPS_INNER) // 2
        pairs = [(i, len(LIPS_INNER) - i) for i in (2, 4, 5, 6, half - 2)]
        width = 0.7 * SIZE[1]
        return np.stack([(self.rings[:, a, 1] - self.rings[:, b, 1]) / width for a, b in pairs], 1).astype(np.float32)


def to_crop(points: NDArray) -> NDArray[np.float64]:
    """The similarity (2, 3) from a frame's pixels to a mouth picture's, from landmarks (J, 2+)."""
    right, left = points[LIPS_INNER[0], :2], points[LIPS_INNER[len(LIPS_INNER) // 2], :2]
    across = left - right
    size = max(float(np.hypot(*across)), 1e-3)
    scale = 0.7 * SIZE[1] / size
    cos, sin = across / size
    linear = scale * np.array([[cos, sin], [-sin, cos]])
    middle = np.array([SIZE[1] / 2, 0.42 * SIZE[0]])
    return np.column_stack([linear, middle - linear @ ((left + right) / 2)])


def cut(rgb: NDArray[np.uint8], points: NDArray) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A frame's mouth picture (h, w, 3) and the lips' inner edge in it (R, 2)."""
    matrix = to_crop(points)
    ring = points[list(LIPS_INNER), :2] @ matrix[:, :2].T + matrix[:, 2]
    # OpenCV counts pixel centres from 0.
    half = matrix.copy()
    half[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
    picture = cv2.warpAffine(rgb, half, SIZE[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(picture, np.uint8), ring.astype(np.float32)


def skin_colour(rgb: NDArray[np.uint8], points: NDArray) -> NDArray[np.float32]:
    """The mean colour of cheeks and forehead, (3,) 0-255."""
    radius = max(2, int(0.05 * np.ptp(points[:, 0])))
    height, width = rgb.shape[:2]
    patches = []
    for x, y in points[list(SKIN), :2].astype(int):
        x0, y0 = np.clip([x - radius, y - radius], 0, [width - 1, height - 1])
        patches.append(rgb[y0 : y0 + 2 * radius, x0 : x0 + 2 * radius].reshape(-1, 3).mean(0))
    return np.asarray(np.median(patches, axis=0), np.float32)


def colour_gain(own: NDArray, other: NDArray) -> NDArray[np.float32]:
    """Factors (3,) that bring another face's light to one's own: brightness in full, most of the tint."""
    mine, theirs = np.maximum(own, 8.0), np.maximum(other, 8.0)
    bright = mine.mean() / theirs.mean()
    return np.clip(bright * (mine / theirs / bright) ** 0.8, 0.35, 2.0).astype(np.float32)
