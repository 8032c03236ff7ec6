"""How well a mouth follows another, or the speech: correlation over time, and by how many frames it is late.

Legend: T frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 6
"""Lags up to so many frames are looked at."""


def correlation(made: NDArray, truth: NDArray, still: float = 1e-9) -> float | None:
    """Pearson's correlation of two series (T,); None of fewer than three values, or where one of them never changes.

    A truth whose standard deviation is below `still` has no course to follow.
    """
    if len(made) < 3 or np.std(made) < 1e-9 or np.std(truth) < still:
        return None
    return float(np.corrcoef(made, truth)[0, 1])


def best_lag(made: NDArray, truth: NDArray, most: int = MOST) -> int | None:
    """The frames by which `made` comes after `truth` (negative: before) when they correlate best; None when never.

    The overlap counts at every lag; among equal ones the smallest wins.
    """
    most = min(most, len(made) - 3)
    found: list[tuple[float, int]] = []
    for lag in sorted(range(-most, most + 1), key=abs):
        shifted, kept = made[max(0, lag) : len(made) + min(0, lag)], truth[max(0, -lag) : len(truth) - max(0, lag)]
        value = correlation(shifted, kept)
        if value is not None:
            found.append((value, lag))
    return max(found, key=lambda it: it[0])[1] if found else None
