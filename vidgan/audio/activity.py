"""Voice activity: in which hundredths of a second somebody speaks.

Loudness in the band of a voice is compared with the recording's own quiet: a frame is voice when it stands out of the
noise floor by `margin`, until it falls below half of that; gaps and bursts too short for speech are evened out.

Legend: F frames of the log-mel spectrum (`vidgan.audio.mel`), B bands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.audio.mel import FRAMES_PER_SECOND, HIGH_HZ, LOW_HZ, hz_to_mel
from vidgan.config import Config

VOICE_HZ = (150.0, 4000.0)

SILENCE_DB = -65.0
"""Band power, in decibels below a full-scale sine, under which nothing is voice however quiet the rest is."""


class ActivityConfig(Config):
    """`margin`: decibels over the noise floor from which a frame is voice; `gap` and `burst`: seconds of the longest
    pause that is bridged and of the shortest sound that counts.
    """

    margin: float = Field(12.0, gt=0)
    gap: float = Field(0.12, ge=0)
    burst: float = Field(0.06, ge=0)


def loudness(mel: NDArray[np.float32]) -> NDArray[np.float32]:
    """The power in the band of a voice in decibels, (F, B) log-mel → (F,)."""
    centres = np.linspace(hz_to_mel(LOW_HZ), hz_to_mel(HIGH_HZ), mel.shape[1] + 2)[1:-1]
    low, high = hz_to_mel(VOICE_HZ[0]), hz_to_mel(VOICE_HZ[1])
    band = mel[:, (centres >= low) & (centres <= high)]
    power: NDArray[np.float32] = 10 * np.log10(np.exp(band, dtype=np.float64).mean(1)).astype(np.float32)
    return power


def voice_activity(mel: NDArray[np.float32], config: ActivityConfig | None = None) -> NDArray[np.bool_]:
    """Where a voice is in an (F, B) log-mel spectrum → (F,) bool."""
    config = config or ActivityConfig()
    if not len(mel):
        return np.zeros(0, bool)
    level = loudness(mel)
    floor, loud = np.percentile(level, [5, 95])
    floor = max(float(floor), SILENCE_DB)
    if loud < floor + config.margin / 2:  # nothing stands out: all is voice without a pause, or all is quiet
        return np.full(len(level), float(loud) > SILENCE_DB + 2 * config.margin)
    high = min(floor + config.margin, (floor + float(loud)) / 2)
    low = floor + (high - floor) / 2
    voice = _hysteresis(level, low, high)
    voice = ~_without_short(~voice, round(config.gap * FRAMES_PER_SECOND), ends=False)
    return _without_short(voice, round(config.burst * FRAMES_PER_SECOND), ends=True)


def _hysteresis(level: NDArray[np.float32], low: float, high: float) -> NDArray[np.bool_]:
    """Stretches above `low` that somewhere reach `high`."""
    above = level > low
    out = np.zeros(len(level), bool)
    for first, last in stretches(above):
        out[first:last] = level[first:last].max() > high
    return out


def _without_short(flags: NDArray[np.bool_], frames: int, ends: bool) -> NDArray[np.bool_]:
    """Stretches of True shorter than `frames` made False; those at either end only when `ends`."""
    out = flags.copy()
    for first, last in stretches(flags):
        at_end = first == 0 or last == len(flags)
        if last - first < frames and (ends or not at_end):
            out[first:last] = False
    return out


def stretches(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches of True in (F,) as (first, one past the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
