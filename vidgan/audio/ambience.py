"""A film's sound without its voice: its own in the pauses, and a bed made of the pauses where somebody speaks.

Legend: N samples, F hundredths of a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.audio.activity import stretches
from vidgan.audio.mel import FRAMES_PER_SECOND

Samples = NDArray[np.float32]

SHORTEST = 0.15
"""Seconds of pause from which a piece of bed is made."""

GUARD = 0.06
"""Seconds at both ends of a pause that still have a bit of the voice in them."""

FADE = 0.04
"""Seconds in which one piece of bed goes over into the next, and own sound into bed."""


def without_voice(samples: Samples, voice: NDArray[np.bool_], rate: int) -> Samples | None:
    """The sound (N,) at `rate` with its voice, where (F,) says it is, covered; None when there is no pause to cover it
    with.
    """
    bed = bed_of(samples, voice, rate, len(samples))
    if bed is None:
        return None
    times = np.arange(len(samples)) / rate * FRAMES_PER_SECOND
    speaking = voice[np.clip(np.round(times).astype(int), 0, len(voice) - 1)].astype(np.float32)
    cover = _smooth(np.maximum(_smooth(speaking, round(2 * GUARD * rate)) * 8, speaking).clip(0, 1), round(FADE * rate))
    covered: Samples = np.sqrt(1 - cover) * samples + np.sqrt(cover) * bed  # of equal power: the two are not alike
    return covered


def bed_of(samples: Samples, voice: NDArray[np.bool_], rate: int, length: int) -> Samples | None:
    """The pauses of a sound one after the other, again and again, for `length` samples; None when there are none."""
    guard, fade = round(GUARD * rate), max(1, round(FADE * rate))
    pieces = []
    for first, last in stretches(~voice):
        begin = first * rate // FRAMES_PER_SECOND + guard
        end = min(len(samples), last * rate // FRAMES_PER_SECOND) - guard
        if end - begin > SHORTEST * rate:
            pieces.append(samples[begin:end])
    if not pieces:
        return None
    bed = np.zeros(length + 2 * fade, np.float32)
    ramp = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    place, number = 0, 0
    while place < length + fade:
        piece = pieces[number % len(pieces)].copy()
        piece[:fade] *= ramp
        piece[-fade:] *= ramp[::-1]
        piece = piece[: len(bed) - place]
        bed[place : place + len(piece)] += piece
        place += max(1, len(piece) - fade)
        number += 1
    return bed[fade : fade + length]


def _smooth(values: Samples, width: int) -> Samples:
    """The mean over `width` samples about each (N,)."""
    if width < 2:
        return values
    total = np.cumsum(np.concatenate([np.zeros(1), np.pad(values, (width // 2, width - width // 2 - 1), mode="edge")]))
    mean: Samples = ((total[width:] - total[:-width]) / width).astype(np.float32)
    return mean
