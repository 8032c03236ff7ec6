"""A judge of lip-sync that knows one person: it hears what their mouth says, and compares that with a speech.

Ridge regression from the mouth's motion to the main components of the log-mel spectrum, learnt from the person's real
footage. It goes the other way than dubbing does, and sees only landmarks that were found in the finished picture.

Legend: T frames, K coefficients of the mouth, B bands, C components.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.lip_sync import MOST
from vidgan.nets.ridge import best_strength, ridge, unseen

Array = NDArray[np.float64]

REACH = 5
"""Frames of mouth motion seen before and after each."""

COMPONENTS = 6

WRONG = 10
"""Wrong speeches that a mouth is judged beside."""

ENOUGH = (WRONG + 1) * (MOST + 1)
"""Frames of speech from which on all of them lie farther away than any lag that is looked at."""


@dataclass(frozen=True)
class Verdict:
    """correlation of what the mouth says with the speech; lag: frames by which the mouth is late, where it is best;
    wrong: the correlations with wrong speech; margin over the best of those. real: what the person's own footage has,
    of stretches that the judge has not seen.
    """

    correlation: float
    lag: int
    wrong: list[float]
    margin: float
    real: float


@dataclass(frozen=True)
class MouthJudge:
    """A judge: components (C, B) of the spectrum about `middle` (B,), how far each can be heard from this mouth (C,),
    and the regression.
    """

    middle: Array
    components: Array
    reliable: Array
    matrix: Array
    offset: Array

    @classmethod
    def of(cls, mouths: NDArray, spectrum: NDArray) -> MouthJudge:
        """Learn from real footage: mouths (T, K) and the normalised spectrum (T, B) of the same frames."""
        middle = spectrum.mean(0)
        _, _, rows = np.linalg.svd(spectrum - middle, full_matrices=False)
        components = np.asarray(rows[:COMPONENTS], np.float64)
        said = (spectrum - middle) @ components.T
        inputs = _windows(mouths)
        strength = best_strength(inputs, said, 2 * REACH)
        guessed = unseen(inputs, said, strength, 2 * REACH)
        reliable = np.maximum(_correlations(guessed, said), 0)
        matrix, offset = ridge(inputs, said, strength)
        return cls(np.asarray(middle, np.float64), components, reliable, matrix, offset)

    @property
    def real(self) -> float:
        """The score of the real footage, unseen."""
        return self._score(self.reliable)

    def heard(self, mouths: NDArray) -> Array:
        """The components (T, C) that mouths (T, K) seem to say."""
        return np.asarray(_windows(mouths) @ self.matrix + self.offset)

    def agreement(self, heard: Array, spectrum: NDArray, lag: int = 0) -> float:
        """How far what is heard goes with a speech's normalised spectrum (T, B), the mouth being `lag` frames late."""
        said = (spectrum - self.middle) @ self.components.T
        count = min(len(heard), len(said))
        heard, said = heard[:count], said[:count]
        heard, said = heard[max(0, lag) : count + min(0, lag)], said[max(0, -lag) : count - max(0, lag)]
        return self._score(_correlations(heard, said))

    def judge(self, mouths: NDArray, spectrum: NDArray, wrong: Iterator[NDArray]) -> Verdict:
        """Judge mouths (T, K) found in a result against its speech (T, B), and against others that it does not say."""
        heard = self.heard(mouths)
        own = self.agreement(heard, spectrum)
        lags = {lag: self.agreement(heard, spectrum, lag) for lag in sorted(range(-MOST, MOST + 1), key=abs)}
        others = [self.agreement(heard, other) for other in wrong]
        margin = own - max(others, default=0.0)
        return Verdict(own, max(lags, key=lambda lag: lags[lag]), others, margin, self.real)

    def _score(self, correlations: Array) -> float:
        total = float(self.reliable.sum())
        return float((self.reliable * correlations).sum() / total) if total > 1e-9 else 0.0


def moved(spectrum: NDArray) -> Iterator[NDArray]:
    """Wrong speeches: the same voice, its spectrum (T, B) begun elsewhere, beyond all lags that are looked at.

    Raises:
        ValueError: it has fewer than `ENOUGH` frames, so that some would be nearly the right one.
    """
    if len(spectrum) < ENOUGH:
        raise ValueError(f"{len(spectrum)} frames of speech, {ENOUGH} are needed to begin it elsewhere")
    for number in range(1, WRONG + 1):
        yield np.roll(spectrum, number * len(spectrum) // (WRONG + 1), axis=0)


def _windows(mouths: NDArray) -> Array:
    """Every frame with its neighbours, the ends held: (T, K) → (T, (2 REACH + 1) K)."""
    places = np.arange(len(mouths))[:, None] + np.arange(-REACH, REACH + 1)
    return np.asarray(mouths, np.float64)[places.clip(0, len(mouths) - 1)].reshape(len(mouths), -1)


def _correlations(a: NDArray, b: NDArray) -> Array:
    """Pearson's correlation of every column of (T, C), 0 where one does not change."""
    a, b = a - a.mean(0), b - b.mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.where(size > 1e-9, (a * b).sum(0) / np.maximum(size, 1e-9), 0.0)
