"""The keyed patterns that a watermark is made of.

A pattern lives on a torus of N x N cells and is given by phases on a ring of its spatial frequencies. Cells are so
large that `SIDE`^2 of them have the area of a frame, whatever its size and shape, and the frame's middle is the
torus's origin: so a scaled frame shows the same pattern, a cropped one shows it scaled and moved.

Legend: N cells of a side of the torus, B frequencies of the ring, P patterns, h, w cells of a frame, H, W its pixels.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.trust.payload import CODED_BITS

SIDE = 128
TORUS = 256
BAND = (6.0, 26.0)
"""Cycles over `SIDE` cells: below is too strong a picture, above too much is lost in a codec."""
PATTERNS = 4
PILOT_SHARE = 0.3
"""Of the ring, without a message: by these frequencies a watermark is found."""
SEGMENT = 1.0
"""Seconds after which the pattern has changed into the next one."""
CYCLE = 16
"""Segments until the order of patterns repeats."""

PUBLIC_KEY = hashlib.sha256(b"vidgan watermark 1").digest()
"""The key by which anybody can find vidgan's watermarks: marking is of use only where reading it is free."""

Cells = NDArray[np.float32]
Phases = NDArray[np.complex64]


@dataclass(frozen=True)
class Key:
    """All that follows from a watermark's secret; equal bytes give equal patterns for ever, on every machine."""

    secret: bytes = PUBLIC_KEY

    @cached_property
    def phases(self) -> Phases:
        """Unit phases (P, B) of the patterns' frequencies."""
        turns = self._numbers("phases", PATTERNS * ring().size).reshape(PATTERNS, -1) / 2**32
        return np.exp(2j * np.pi * turns).astype(np.complex64)

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The coded bit (P, B) that each frequency carries, -1 for the pilot."""
        owners = np.full((PATTERNS, ring().size), -1)
        pilots = round(PILOT_SHARE * ring().size)
        for number, row in enumerate(owners):
            order = np.argsort(self._numbers(f"owners {number}", row.size), kind="stable")
            row[order[pilots:]] = np.arange(row.size - pilots) % CODED_BITS
        return owners

    @cached_property
    def order(self) -> list[tuple[int, int]]:
        """The pattern and its sign in each segment of the cycle: each equally often as such and as its negative.

        So the mean over a long time shows nothing.
        """
        kinds = [(number, sign) for sign in (1, -1) for number in range(PATTERNS)] * (CYCLE // (2 * PATTERNS))
        return [kinds[place] for place in np.argsort(self._numbers("order", CYCLE), kind="stable")]

    def patterns(self, coded: NDArray[np.int8]) -> Cells:
        """The patterns (P, N, N) that carry coded bits (C,), of mean square 1."""
        signs = np.where(self.owners < 0, 1, np.append(coded, 1)[self.owners])
        spectra = np.zeros((PATTERNS, TORUS * (TORUS // 2 + 1)), np.complex64)
        spectra[:, ring()] = self.phases * signs
        planes = np.fft.irfft2(spectra.reshape(PATTERNS, TORUS, -1), (TORUS, TORUS))
        return (planes / planes.std(axis=(1, 2), keepdims=True)).astype(np.float32)

    def _numbers(self, purpose: str, count: int) -> NDArray[np.uint32]:
        stream = hashlib.shake_256(self.secret + purpose.encode()).digest(4 * count)
        return np.frombuffer(stream, "<u4")


def ring() -> NDArray[np.int64]:
    """The places (B,) of the ring's frequencies in a flattened half spectrum (N, N / 2 + 1)."""
    rows, columns = np.fft.fftfreq(TORUS)[:, None] * SIDE, np.fft.rfftfreq(TORUS)[None] * SIDE
    radius = np.hypot(rows, columns)
    whole = (columns > 0) & (columns < SIDE / 2)  # those whose mirrored halves are not in the half spectrum too
    return np.flatnonzero((radius >= BAND[0]) & (radius < BAND[1]) & whole)


def share(seconds: float) -> tuple[tuple[int, float], tuple[int, float]]:
    """The two segments of the cycle shown at a time, with their amplitudes: one fades into the next at equal energy."""
    segment, inside = divmod(seconds / SEGMENT, 1.0)
    angle = (3 - 2 * inside) * inside * inside * math.pi / 2
    first = int(segment) % CYCLE
    return (first, math.cos(angle)), ((first + 1) % CYCLE, math.sin(angle))


def cells_of(width: int, height: int) -> tuple[int, int]:
    """The cells (w, h) of a frame of width x height pixels."""
    scale = SIDE / math.sqrt(width * height)
    return min(TORUS, max(8, round(width * scale))), min(TORUS, max(8, round(height * scale)))


def place(width: int, height: int) -> tuple[NDArray[Any], ...]:
    """Index of a frame's w x h cells on the torus, its middle at the origin."""
    rows, columns = (np.arange(size) - size // 2 for size in (height, width))
    return np.ix_(rows % TORUS, columns % TORUS)


def luma_cells(rgb: NDArray[np.uint8]) -> Cells:
    """A frame (H, W, 3) as the luma (h, w) of its cells, 0 to 255, BT.709."""
    height, width = rgb.shape[:2]
    size = cells_of(width, height)
    smaller = size[0] <= width and size[1] <= height
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(small @ np.array([0.2126, 0.7152, 0.0722], np.float32))
