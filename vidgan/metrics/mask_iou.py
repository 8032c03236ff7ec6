"""Intersection over union of two masks (Jaccard index)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.frames import Mask


def mask_iou(mask: Mask | NDArray[np.uint8], truth: Mask | NDArray[np.uint8]) -> float:
    """Shared over joint area in [0, 1]; bool masks or probabilities * 255 cut at one half; NaN when both are empty."""
    ours, theirs = _binary(mask), _binary(truth)
    union = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / union if union else float("nan")


def _binary(mask: NDArray) -> Mask:
    return np.asarray(mask if mask.dtype == np.bool_ else mask >= 128)
