"""Structural similarity (Wang, Bovik, Sheikh and Simoncelli 2004, section III, equation 13)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.frames import Image, Mask, luma, region_mean

WINDOW = 11
SIGMA = 1.5
C1 = (0.01 * 255) ** 2
C2 = (0.03 * 255) ** 2
BORDER = WINDOW // 2


def ssim(frame: Image, truth: Image, mask: Mask | None = None) -> float:
    """Mean SSIM of BT.709 luma, 1 for equal frames, over windows whose centre lies in the mask.

    NaN when no window of 11x11 pixels fits the frame, or no centre lies in the mask.
    """
    if min(frame.shape[:2]) < WINDOW:
        return float("nan")
    return region_mean(ssim_map(luma(frame), luma(truth)), None if mask is None else _inside(mask))


def ssim_map(luma_x: NDArray[np.float32], luma_y: NDArray[np.float32]) -> NDArray[np.float64]:
    """SSIM at each centre of a whole window: (H - 10, W - 10) for luma (H, W), H and W at least 11."""
    x, y = luma_x.astype(np.float64), luma_y.astype(np.float64)  # variances as differences of squares need the digits
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variance_x = _window_mean(x * x) - mean_x**2
    variance_y = _window_mean(y * y) - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    similarity: NDArray[np.float64] = ((2 * mean_x * mean_y + C1) * (2 * covariance + C2)) / (
        (mean_x**2 + mean_y**2 + C1) * (variance_x + variance_y + C2)
    )
    return similarity


def _window_mean(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The Gaussian-weighted mean over each whole window."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    return _inside(cv2.sepFilter2D(x, cv2.CV_64F, kernel, kernel))


def _inside(x: NDArray) -> NDArray:
    return x[BORDER:-BORDER, BORDER:-BORDER]
