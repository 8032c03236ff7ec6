"""What every frame metric shares: frame types, luma, boxes and masked means.

Legend: H, W frame size; a frame is (H, W, 3) RGB, uint8 or float, in grey levels 0-255; a mask is (H, W) bool.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8] | NDArray[np.float32]
Mask = NDArray[np.bool_]

LUMA_BT709 = np.array((0.2126, 0.7152, 0.0722), np.float32)


class Box(NamedTuple):
    """A region in whole pixels: columns left..right-1, rows top..bottom-1."""

    left: int
    top: int
    right: int
    bottom: int

    def crop(self, frame: NDArray) -> NDArray:
        """The region of a frame or mask, a view."""
        return frame[self.top : self.bottom, self.left : self.right]

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """The frame's pixels that are in it: (H, W)."""
        inside = np.zeros((height, width), bool)
        self.crop(inside)[:] = True
        return inside

    @property
    def empty(self) -> bool:
        """Whether no pixel is in it."""
        return self.right <= self.left or self.bottom <= self.top


def points_box(points: NDArray[np.floating], width: int, height: int, margin: float = 0.15) -> Box:
    """The box around the finite of points (N, 2), widened by `margin` of its longer side and cut to the frame.

    Landmarks lie inside the body: the margin takes in hair, hands and clothes. Empty when no point is finite.
    """
    points = points[np.isfinite(points).all(-1)]
    if not len(points):
        return Box(0, 0, 0, 0)
    low, high = points.min(0), points.max(0)
    grow = margin * float((high - low).max())
    left, top = np.floor(np.clip(low - grow, 0, (width, height))).astype(int)
    right, bottom = np.ceil(np.clip(high + grow, 0, (width, height))).astype(int)
    return Box(int(left), int(top), int(right), int(bottom))


def luma(frame: Image) -> NDArray[np.float32]:
    """BT.709 luma (H, W) of an RGB frame, float32, 0-255."""
    return frame.astype(np.float32) @ LUMA_BT709


def region_mean(values: NDArray[np.floating], mask: Mask | None) -> float:
    """The mean of values (H, W) or (H, W, C) where the mask holds, in double precision; NaN over no pixel."""
    chosen = values if mask is None else values[mask]
    return float(chosen.mean(dtype=np.float64)) if chosen.size else float("nan")


def finite_mean(values: Iterable[float]) -> float | None:
    """The mean of the finite values; None when there are none."""
    finite = [value for value in values if np.isfinite(value)]
    return float(np.mean(finite)) if finite else None
