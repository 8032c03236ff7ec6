"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from vidgan.metrics.frames import Image, Mask, region_mean

PEAK = 255.0
EQUAL_DB = 100.0  # what equal frames read: keeps means over frames finite


def psnr(frame: Image, truth: Image, mask: Mask | None = None) -> float:
    """10 log10(255^2 / MSE) in dB over all channels, higher is better, at most 100; NaN over an empty region."""
    error = region_mean(np.square(frame.astype(np.float32) - truth.astype(np.float32)), mask)
    if math.isnan(error):
        return error
    return min(EQUAL_DB, 10 * math.log10(PEAK**2 / error)) if error > 0 else EQUAL_DB
