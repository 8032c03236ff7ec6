"""A voice made by code, with the mouth that says it: syllables of nothing, in words, with pauses between them.

A source-filter model (Fant 1960): harmonics of the pitch, each as loud as the vowel's three resonances let it through.

Legend: N samples at 16 kHz, T moments, H harmonics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RATE = 16_000
STEP = 0.01
"""Seconds between two settings of the voice."""

PITCH, HIGHEST = 118.0, 4500.0
"""Hertz: of the voice, and of its highest harmonic."""

VOWELS = {
    "a": (730, 1090, 2440, 0.75, 0.0), "e": (530, 1840, 2480, 0.45, 0.5), "i": (270, 2290, 3010, 0.22, 0.9),
    "o": (570, 840, 2410, 0.55, -0.1), "u": (300, 870, 2240, 0.2, -0.1),
}  # fmt: skip
"""Three resonances in hertz (Peterson and Barney 1952, men); how far the jaw is open and how wide the lips are."""

WIDTHS = (80.0, 110.0, 160.0)
"""Of the resonances, in hertz."""


@dataclass(frozen=True)
class Talk:
    """samples: (N,) float32; jaw and smile: (N / RATE / STEP,) how open and how wide the mouth is, every `STEP`."""

    samples: NDArray[np.float32]
    jaw: Array
    smile: Array

    def mouth(self, seconds: Array) -> tuple[Array, Array]:
        """Jaw and smile at times (T,)."""
        times = np.arange(len(self.jaw)) * STEP
        return np.interp(seconds, times, self.jaw), np.interp(seconds, times, self.smile)


def talk(seconds: float, seed: int) -> Talk:
    """So many seconds of speech."""
    rng = np.random.default_rng(seed)
    count = round(seconds / STEP)
    settings, loud = np.tile(np.array([*VOWELS["e"]], np.float64), (count, 1)), np.zeros(count)
    at = round(0.3 / STEP)
    while at < count:
        for length in rng.integers(14, 26, rng.integers(2, 6)):
            here = slice(min(at, count), min(at + length, count))
            settings[here] = VOWELS[rng.choice(list(VOWELS))]
            swell = np.sin(np.pi * np.arange(length) / length) ** 0.6
            loud[here] = rng.uniform(0.7, 1) * swell[: here.stop - here.start]
            at += int(length)
        at += int(rng.integers(20, 45))
    resonances = np.stack([_smooth(column, 0.03) for column in settings.T[:3]])
    pitch = PITCH * (1 + 0.12 * np.sin(2 * np.pi * 0.45 * np.arange(count) * STEP + rng.uniform(0, 6)))
    samples = _sung(_smooth(loud, 0.012), resonances, pitch)
    noise = rng.normal(0, 4e-4, len(samples))
    jaw, smile = (_smooth(loud * column, 0.03) for column in settings.T[3:])
    return Talk((samples + noise).astype(np.float32), jaw, smile)


def _sung(loud: Array, resonances: Array, pitch: Array) -> Array:
    """Samples (N,) of settings (T,), (3, T), (T,)."""
    harmonics = np.arange(1, int(HIGHEST / pitch.max()) + 1)[:, None]
    hertz = harmonics * pitch
    passed = np.ones(hertz.shape)
    for middle, width in zip(resonances, WIDTHS, strict=True):
        passed /= np.sqrt(((middle**2 - hertz**2) / middle**2) ** 2 + (width * hertz / middle**2) ** 2)
    strength = loud * passed / harmonics**1.2  # of the glottis
    fine = np.arange(round(len(loud) * STEP * RATE)) / RATE
    coarse = np.arange(len(loud)) * STEP
    phase = 2 * np.pi * np.cumsum(np.interp(fine, coarse, pitch)) / RATE
    total = np.zeros(len(fine))
    for number, row in zip(harmonics[:, 0], strength, strict=True):
        total += np.interp(fine, coarse, row) * np.sin(number * phase)
    return np.asarray(0.35 * total / np.abs(total).max())


def _smooth(values: Array, seconds: float) -> Array:
    reach = int(4 * seconds / STEP) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / seconds) ** 2)
    padded = np.pad(values, reach, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")
