"""Sharpness: how much fine detail a region shows."""

from __future__ import annotations

import cv2
import numpy as np

from vidgan.metrics.frames import Image, Mask, luma, region_mean


def sharpness(frame: Image, mask: Mask | None = None) -> float:
    """Mean absolute Laplacian of BT.709 luma, in grey levels, over the mask; higher is sharper, noise counts too.

    Depends on the scale: compare regions that show the person at the same size. NaN over an empty region.
    """
    return region_mean(np.abs(cv2.Laplacian(luma(frame), cv2.CV_32F)), mask)
