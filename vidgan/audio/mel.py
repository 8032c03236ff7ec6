"""Log-mel spectra: how loud each band of hearing is, a hundred times a second.

Pre-emphasis y[n] = x[n] - 0.97 x[n-1]; periodic Hann windows of 25 ms every 10 ms, frame k centred on sample 160 k;
power spectrum of 512 points; triangular filters of equal area, spaced evenly in mels from 60 Hz to 7.6 kHz by
O'Shaughnessy's formula mel = 2595 log10(1 + f / 700); natural logarithm over a floor.

Legend: N samples, F frames, B bands.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vidgan.audio.sound import RATE

WINDOW = 400
HOP = 160
POINTS = 512
BANDS = 40
LOW_HZ, HIGH_HZ = 60.0, 7600.0
PRE_EMPHASIS = 0.97
FLOOR = 1e-8
"""Power under which a band is silent: about 80 dB below a loud voice."""

FRAMES_PER_SECOND = RATE // HOP

_AT_ONCE = 4096


def log_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The log-mel spectrum of (N,) samples at 16 kHz in [-1, 1] → (F, B), F = 1 + N // 160.

    The ends are mirrored, so that every frame has a whole window.
    """
    if not len(samples):
        return np.zeros((0, BANDS), np.float32)
    emphasised = np.append(samples[:1], samples[1:] - PRE_EMPHASIS * samples[:-1]).astype(np.float32)
    reach = WINDOW // 2
    padded = np.pad(emphasised, (reach, reach), mode="reflect" if len(samples) > reach else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
    out = np.empty((len(windows), BANDS), np.float32)
    for first in range(0, len(windows), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        power = np.square(np.abs(np.fft.rfft(windows[part] * hann, POINTS, axis=1)))
        out[part] = np.log(power @ filterbank().T + FLOOR)
    return out


@lru_cache(maxsize=1)
def filterbank() -> NDArray[np.float64]:
    """The triangular filters over the spectrum's points, (B, 1 + 512 / 2), each scaled to an area of one hertz."""
    edges = mel_to_hz(np.linspace(hz_to_mel(LOW_HZ), hz_to_mel(HIGH_HZ), BANDS + 2))
    frequencies = np.linspace(0, RATE / 2, POINTS // 2 + 1)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (frequencies - low) / (centre - low)
    falling = (high - frequencies) / (high - centre)
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles


def hz_to_mel(hz: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequency in hertz to mels."""
    return 2595 * np.log10(1 + np.asarray(hz, np.float64) / 700)


def mel_to_hz(mel: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Mels to frequency in hertz."""
    return 700 * (10 ** (np.asarray(mel, np.float64) / 2595) - 1)
