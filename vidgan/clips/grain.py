"""How strong, how coarse and how coloured the grain of a camera is, from what stands still in its clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.clips.model import ClipSet, Frames
from vidgan.nets.grain import REACH

Array = NDArray[np.float64]

BLOCK = 8
"""Side in pixels of the squares that are looked at."""
QUIET = 0.25
"""The share of a clip's squares, those that change least, in which nothing is taken to move."""
PASSES = 2.0
"""Where a square changes by so many times its usual energy, something passes."""
LOOKED_AT = 64
"""Changes of a clip that are looked at, at most."""


def grain_filter(clips: ClipSet, stride: int = 1) -> NDArray[np.float32]:
    """The filter (3, 3, 5, 5) that makes of white noise, (colours out, colours in, ...), grain like that of the clips.

    Half the covariance of what changes between frames `stride` apart, where nothing moves, is the grain's, as that of
    either frame is independent: its colours' 3x3 matrix, and how it falls over neighbouring pixels. The filter is the
    root of the first times, over pixels, the zero-phase root of the second. Pictures are in [-1, 1]. Squares are chosen
    for changing little, so the strength is rather low than high; clips without grain give zeros. The camera must stand
    still: where everything moves always, motion counts as grain.
    """
    colours, places = np.zeros((3, 3)), np.zeros((2 * REACH + 1, 2 * REACH + 1))
    for number in range(len(clips)):
        quiet = _quiet_changes(clips.clip(number), stride)
        if len(quiet):
            colours += np.einsum("nyxc,nyxd->cd", quiet, quiet) / quiet[..., 0].size
            places += _shared(quiet)
    if places[REACH, REACH] <= 0:
        return np.zeros((3, 3, *places.shape), np.float32)
    values, vectors = np.linalg.eigh(colours / len(clips))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return (root[:, :, None, None] * _zero_phase(places / places[REACH, REACH])).astype(np.float32)


def _quiet_changes(clip: Frames, stride: int) -> Array:
    """Changes of squares where and when nothing moves, over √2: (N, 8, 8, 3)."""
    frames = clip[::stride][: LOOKED_AT + 1].astype(np.float64) / 127.5
    changes = np.diff(frames, axis=0) / np.sqrt(2)
    t, h, w, _ = changes.shape
    down, across = h // BLOCK, w // BLOCK
    squares = changes[:, : down * BLOCK, : across * BLOCK].reshape(t, down, BLOCK, across, BLOCK, 3)
    squares = squares.transpose(1, 3, 0, 2, 4, 5).reshape(down * across, t, BLOCK, BLOCK, 3)
    if not t:
        return squares.reshape(0, BLOCK, BLOCK, 3)
    energy = np.square(squares).mean((2, 3, 4))
    usual = np.median(energy, axis=1)
    still = np.argsort(usual, kind="stable")[: max(1, int(QUIET * len(squares)))]
    return squares[still][energy[still] <= PASSES * usual[still, None]]


def _shared(changes: Array) -> Array:
    """The mean product of pixels at every distance up to `REACH`: (5, 5), of no distance in the middle."""
    steps = range(-REACH, REACH + 1)
    return np.array([[_product(changes, y, x) for x in steps] for y in steps])


def _product(changes: Array, y: int, x: int) -> float:
    down, across = (slice(max(0, step), BLOCK + min(0, step)) for step in (y, x))
    up, back = (slice(max(0, -step), BLOCK + min(0, -step)) for step in (y, x))
    return float((changes[:, down, across] * changes[:, up, back]).mean())


def _zero_phase(shared: Array) -> Array:
    """The symmetric filter (5, 5) of unit energy whose products at every distance are, nearly, those given."""
    side = 4 * len(shared)  # so that what is outside the window does not fold back
    spectrum = np.fft.fft2(np.roll(np.pad(shared, (0, side - len(shared))), (-REACH, -REACH), (0, 1))).real
    wide = np.roll(np.fft.ifft2(np.sqrt(np.maximum(spectrum, 0))).real, (REACH, REACH), (0, 1))
    kernel = wide[: len(shared), : len(shared)]
    return kernel / np.sqrt(np.square(kernel).sum())
