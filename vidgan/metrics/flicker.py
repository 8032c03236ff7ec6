"""Flicker: change from frame to frame that the motion does not explain, with and without a true video."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.frames import Image, Mask, region_mean


class Flicker:
    """Flicker against the true video: mean |(out_t - out_t-1) - (true_t - true_t-1)|, in grey levels; lower is better.

    A constant error (a wrong but steady colour) costs nothing, popping and crawling do. Feed frames in order to
    `update`; a `mask` (H, W) restricts the mean to a region of the later frame; `cut` forgets the last frame.
    """

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._values: list[float] = []

    def update(self, frame: Image, truth: Image, mask: Mask | None = None) -> float:
        """Add a frame pair; return this step's flicker, NaN at the first frame or over an empty region."""
        error = frame.astype(np.float32) - truth.astype(np.float32)
        step = float("nan") if self._last is None else region_mean(np.abs(error - self._last), mask)
        self._last = error
        if np.isfinite(step):
            self._values.append(step)
        return step

    def cut(self) -> None:
        """Begin a new stretch: the next frame does not follow the last."""
        self._last = None

    @property
    def value(self) -> float | None:
        """The mean over all steps so far, None before the second frame."""
        return float(np.mean(self._values)) if self._values else None


class Unsteadiness:
    """Flicker without a true video, inside a region (the person) and outside it (a background that should stand still).

    Inside: the second temporal difference over the first, `sum |x_t - 2 x_t-1 + x_t-2| / sum |x_t - x_t-1|`, over
    region and time. Constant change reads 0, independent noise sqrt(3), a pixel that alternates between two values 2.
    Real moving people read well above 0, more so when sharp, fast or at a low frame rate: compare with the driving clip
    at the same pace, not with 0. Measured on a real dance at 24 frames/s: as filmed 1.54, with brightness wobbling by
    3 % 1.63, trembling by 1 pixel 1.68, by 3 pixels 1.77; blurred (and just as steady) 1.29.

    Outside: mean |x_t - x_t-1| in grey levels.
    """

    def __init__(self) -> None:
        self._frames: list[NDArray[np.float32]] = []
        self._first = self._second = 0.0
        self._outside: list[float] = []

    def update(self, frame: Image, person: Mask) -> None:
        """Add the next frame with the region (H, W) where the person is, or may have been a frame earlier."""
        self._frames = [*self._frames[-2:], frame.astype(np.float32)]
        if len(self._frames) > 1:
            change = np.abs(self._frames[-1] - self._frames[-2])
            outside = region_mean(change, ~person)
            if np.isfinite(outside):
                self._outside.append(outside)
        if len(self._frames) > 2:
            bend = np.abs(self._frames[-1] - 2 * self._frames[-2] + self._frames[-3])
            self._first += float(change[person].sum(dtype=np.float64))
            self._second += float(bend[person].sum(dtype=np.float64))

    def cut(self) -> None:
        """Begin a new stretch: the next frame does not follow the last."""
        self._frames = []

    @property
    def inside(self) -> float | None:
        """Second over first difference in the region, 0 to 2 for steady sampling; None when nothing there changed."""
        return self._second / self._first if self._first > 0 else None

    @property
    def outside(self) -> float | None:
        """Mean change from frame to frame outside the region, in grey levels; None before the second frame."""
        return float(np.mean(self._outside)) if self._outside else None
