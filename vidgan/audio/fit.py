"""How a speech and a film of different lengths go together: which film frame is shown when, in rational time.

    film    the film stays as long as it is: after a shorter speech nobody speaks, a longer one is cut off
    speech  the film plays slower or faster, so that both end together, on a clock fine enough; no frame is added or
            left out
    loop    the film runs there and back for as long as the speech lasts
    trim    the shorter of the two ends both

Legend: T film frames, N shown frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Fit = Literal["film", "speech", "loop", "trim"]

Ticks = NDArray[np.int64]

_FINEST = 10_000
"""Ticks a second, at least, in which a film is stretched."""


@dataclass(frozen=True)
class Timeline:
    """What is shown: `frames` (N,) film frames by number; `pts` (N,) when, rising, in units of `time_base` seconds.

    The first frame is shown when the film's own first is; the speech begins with it.
    """

    frames: Ticks
    pts: Ticks
    time_base: Fraction

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time of every shown frame since the first, (N,)."""
        return (self.pts - self.pts[:1]) * float(self.time_base)


def film_length(pts: Ticks, time_base: Fraction) -> Fraction:
    """How long frames at these times are shown: the last one as long as the one before it."""
    last = int(pts[-1] - pts[-2]) if len(pts) > 1 else round(Fraction(1, 25) / time_base)
    return (int(pts[-1] - pts[0]) + last) * time_base


def fit(pts: Ticks, time_base: Fraction, speech: Fraction, how: Fit) -> Timeline:
    """Lay a film's frames (T,) along a speech of so many seconds."""
    every = np.arange(len(pts))
    length = film_length(pts, time_base)
    if how == "film" or len(pts) < 2:
        return Timeline(every, pts, time_base)
    if how == "speech":
        fine = 1 + int(_FINEST * time_base)  # ticks of a film's clock may be as long as its frames
        return Timeline(every, _scaled(fine * pts, speech / length), time_base / fine)
    if how == "loop" and speech > length:
        return _there_and_back(pts, time_base, speech)
    shown = max(1, int(np.searchsorted(pts - pts[0], _ticks(speech, time_base))))
    return Timeline(every[:shown], pts[:shown], time_base)


def stretch_of(pts: Ticks, time_base: Fraction, speech: Fraction) -> Fraction:
    """How many times slower than filmed `speech` plays the film."""
    return speech / film_length(pts, time_base)


def _ticks(seconds: Fraction, time_base: Fraction) -> int:
    return -(-seconds.numerator * time_base.denominator // (seconds.denominator * time_base.numerator))


def _scaled(pts: Ticks, factor: Fraction) -> Ticks:
    since = [int(value - pts[0]) * factor.numerator for value in pts]
    scaled = np.array([(2 * value + factor.denominator) // (2 * factor.denominator) for value in since], np.int64)
    rising = np.maximum.accumulate(scaled - np.arange(len(pts))) + np.arange(len(pts))  # a tick apart at least
    return pts[0] + rising


def _there_and_back(pts: Ticks, time_base: Fraction, speech: Fraction) -> Timeline:
    there = np.arange(len(pts))
    once = np.concatenate([there[:-1], there[:0:-1]])  # 0 … T-1 … 1, and again from 0
    steps = np.abs(np.diff(np.append(pts[once], pts[0])))
    end = _ticks(speech, time_base)
    rounds = end // int(steps.sum()) + 1
    times = np.concatenate([[0], np.cumsum(np.tile(steps, rounds))])[:-1]
    shown = max(1, int(np.searchsorted(times, end)))
    return Timeline(np.tile(once, rounds)[:shown], pts[0] + times[:shown], time_base)
