"""Putting the invisible watermark into frames: spread spectrum in luma, under the texture of the picture.

After Cox et al. 1997, "Secure spread spectrum watermarking for multimedia", with a pattern bound to the frame's area
instead of its content, a pilot to find it by, and a key that changes along the video.

Legend: H, W pixels of a frame, h, w its cells (`vidgan.trust.pattern`).
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.trust.pattern import Cells, Key, cells_of, luma_cells, place, share
from vidgan.trust.payload import encode

FLAT = 0.9
"""Grey levels, root mean square, where the picture is flat."""
TEXTURE = 0.6
"""Grey levels more for each grey level of local contrast."""
LARGEST, SMALL_LARGEST = 3.0, 12.0
"""Where texture hides most, times `gain`; and the most of it in a small picture."""
NOISE = 0.3
"""Grey levels of local contrast that are a camera's noise: what is above them hides more in a small picture."""
SMALL, MOST = 512.0, 9.0
"""Pixels of the side of a square, below whose area a picture is small and a codec leaves little of it; and the largest
`gain`.
"""
NOISE_DB, SMALL_NOISE_DB = 41.5, 40.3
"""Peak signal-to-noise ratio that no frame goes below, and no small one."""

DARK = 24.0
"""Luma below which the mark fades out."""

_LOCAL = (5, 5)  # cells over which contrast and its directions are taken
_NEAR = np.ones((7, 7), np.uint8)  # cells that a mark's blobs reach


class Watermark:
    """Marks the frames of one video with the number of its run.

    number: in [0, 2^32); key: by whose patterns.
    """

    def __init__(self, number: int, key: Key | None = None) -> None:
        self._key = key or Key()
        self._patterns = self._key.patterns(encode(number))

    def __call__(self, rgb: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        """A marked copy of one frame (H, W, 3) RGB shown `seconds` after the first."""
        height, width = rgb.shape[:2]
        luma, pattern = luma_cells(rgb), self._pattern(seconds, *cells_of(width, height))
        fine, times = texture(luma), gain(width, height)
        plain = strength(luma, fine) * pattern
        change = plain * min(1.0, _noise(NOISE_DB) / float(np.sqrt(np.mean(plain * plain)) + 1e-9))
        if times > 1:
            more = strength(luma, fine, times) * pattern - plain
            change += _room(change, more) * more
        full = cv2.resize(change, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(rgb, cv2.merge([full] * 3), dtype=cv2.CV_8U))

    def _pattern(self, seconds: float, width: int, height: int) -> Cells:
        where = place(width, height)
        total = np.zeros((height, width), np.float32)
        for segment, amplitude in share(seconds):
            number, sign = self._key.order[segment]
            total += np.float32(amplitude * sign) * self._patterns[number][where]
        return total


def _noise(ratio: float) -> float:
    """Grey levels, root mean square, at a peak signal-to-noise ratio in dB."""
    return float(255 / 10 ** (ratio / 20))


def _room(change: Cells, more: Cells) -> float:
    """How much of `more`, 0 to 1, can be added to a small picture's change until the noise is at its limit."""
    squares, products = float(np.mean(more * more)), float(np.mean(change * more))
    left = max(_noise(SMALL_NOISE_DB) ** 2 - float(np.mean(change * change)), 0.0)
    return min(1.0, (math.sqrt(products**2 + squares * left) - products) / (squares + 1e-9))


def gain(width: int, height: int) -> float:
    """How much more the mark takes of what texture hides in a picture of width x height pixels than in a large one."""
    return min(max(SMALL / math.sqrt(width * height), 1.0) ** 5, MOST)


def texture(luma: Cells) -> Cells:
    """The texture all around each cell (h, w), in grey levels of local contrast.

    Folds and shadings hide nothing, so texture is what is finer than the mark's blobs, and edges little, so it is what
    goes every way. The least of it near by counts: a plain wall beside it stays plain.
    """
    fine = luma - cv2.blur(luma, (3, 3))
    contrast = np.sqrt(np.maximum(cv2.blur(fine * fine, _LOCAL), 0))  # its running sums fall below 0 where it is flat
    return np.asarray(cv2.blur(cv2.erode(contrast, _NEAR), _LOCAL) * _isotropy(luma), np.float32)


def strength(luma: Cells, fine: Cells, times: float = 1.0) -> Cells:
    """How far a mark may go in each cell (h, w), in grey levels: as far as `fine`, its `texture`, hides it; times: see
    `gain`. Black shows anything.
    """
    lit = np.minimum(luma / DARK, 1)
    hiding = fine + (times - 1) * np.maximum(fine - NOISE, 0)
    return np.asarray(np.minimum(FLAT + TEXTURE * hiding, min(times * LARGEST, SMALL_LARGEST)) * lit, np.float32)


def _isotropy(luma: Cells) -> Cells:
    """How far the picture at each cell (h, w) goes every way: near 1 where all directions are alike, 0 along an edge.

    The root of one less the coherence of the structure tensor, the difference of its eigenvalues over their sum (Bigun
    and Granlund 1987, "Optimal orientation detection of linear symmetry").
    """
    slopes = (cv2.Sobel(luma, cv2.CV_32F, *order)[1:-1, 1:-1] for order in ((1, 0), (0, 1)))
    # At the border Sobel would mirror the picture, and bend an edge that runs into it.
    across, down = (cv2.copyMakeBorder(slope, 1, 1, 1, 1, cv2.BORDER_REPLICATE) for slope in slopes)
    xx, yy, xy = (cv2.blur(product, _LOCAL) for product in (across * across, down * down, across * down))
    return np.sqrt(np.clip(1 - np.hypot(xx - yy, 2 * xy) / np.maximum(xx + yy, 1e-9), 0, 1))
