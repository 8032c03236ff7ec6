"""Where the layers of an animated picture lie: boxes in its window, and what brings one face to another.

Legend: J landmarks, n points, (h, w) pixels, centres at +0.5.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

Window = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of a picture."""


def box(points: NDArray, margin: int, limits: Window) -> Window | None:
    """The box (left, top, right, bottom) around points (n, 2) within limits; None when nothing of it is there."""
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - margin, limits[:2])
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + margin, limits[2:])
    return (int(left), int(top), int(right), int(bottom)) if right - left > 2 and bottom - top > 2 else None


def grid(size: tuple[int, int]) -> Array:
    """The places of a window's pixels, (h, w, 2)."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + 0.5
    return np.stack([x, y], -1)


def area(ring: NDArray) -> float:
    """Of a ring (n, 2), in pixels."""
    return float(cv2.contourArea(ring.astype(np.float32)))


def brought(home: NDArray, points: NDArray, corners: list[int]) -> NDArray[np.float64]:
    """Landmarks `home` (J, 2) of a picture brought to `points` (J, 2) by the similarity that joins two corners."""
    matrix = similarity(home[corners], points[corners])
    return np.asarray(home @ matrix[:, :2].T + matrix[:, 2])


def similarity(source: NDArray, target: NDArray) -> NDArray[np.float64]:
    """The similarity (2, 3) that takes two points (2, 2) to two others."""
    a, b = source[1] - source[0], target[1] - target[0]
    power = max(float(a @ a), 1e-9)
    real, imaginary = float(a @ b) / power, float(a[0] * b[1] - a[1] * b[0]) / power
    linear = np.array([[real, -imaginary], [imaginary, real]])
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])
