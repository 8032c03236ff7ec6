"""One person's mouth: how lips and jaw move with speech, as a few coefficients of its own landmarks.

In the head's frame, where turning the head changes nothing, the landmarks about the mouth move in few ways (principal
components of this person's own frames). What speech moves fades out towards nose, cheeks and ears.

Legend: T frames, J = 478 landmarks, K coefficients; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgan.face.expression import gap
from vidgan.face.head import neutral_mesh
from vidgan.face.regions import LIP_PAIRS, LIPS, LIPS_INNER, LIPS_OUTER, MESH

Array = NDArray[np.float64]

MOUTH_Y = 0.71
"""Where the lips of the neutral mesh meet, in the head frame."""

FULL, NONE = 0.36, 0.72
"""How far from the line between lips and chin speech moves the skin wholly, and from where on not at all."""

UPWARD = 2.6
"""The same distance counts so much more towards the nose."""

CLOSED_SHARE = 0.06
"""The mouth at rest is the mean of this share of the frames, those that are most closed."""


@cache
def speech_share() -> Array:
    """How much of a landmark's motion is speech: (J,) in [0, 1], 1 on lips and chin, 0 on nose, eyes and ears."""
    points = neutral_mesh().astype(np.float64)
    beside = np.hypot(points[:, 0], UPWARD * np.maximum(0, MOUTH_Y - points[:, 1]))
    ramp = np.clip((NONE - beside) / (NONE - FULL), 0, 1)
    share: Array = ramp * ramp * (3 - 2 * ramp)
    share[MESH:] = 0  # the irises
    share[list(LIPS)] = 1
    return share


def mouth_opening(head: NDArray) -> Array:
    """The height of the lips' opening, landmarks (T, J, 3) → (T,), in their units."""
    return gap(head, LIP_PAIRS)


@dataclass(frozen=True)
class MouthShape:
    """A person's mouth.

    mean: (J, 3) the person's mean face in the head frame; basis: (K, J, 3) orthonormal over all J * 3 values, zero
    where speech moves nothing; spread: (K,) standard deviations of the coefficients; rest: (K,) the closed mouth;
    range: (2, K) what the film shows of them, but for the outermost hundredths.
    """

    mean: Array
    basis: Array
    spread: Array
    rest: Array
    range: Array

    @classmethod
    def of(cls, head: NDArray, count: int) -> MouthShape:
        """The shape of landmarks (T, J, 3) in the head frame; at most `count` coefficients, fewer of few frames."""
        mean = np.asarray(head.mean(0), np.float64)
        moved = (speech_share()[:, None] * (head - mean)).reshape(len(head), -1)
        _, sizes, rows = np.linalg.svd(moved, full_matrices=False)
        count = max(1, min(count, len(head) - 1))
        basis = rows[:count].reshape(count, *mean.shape)
        spread = np.maximum(sizes[:count] / np.sqrt(len(head)), 1e-9)
        shape = cls(mean, basis, spread, np.zeros(count), np.zeros((2, count)))
        coefficients = shape.coefficients(head)
        closed = np.argsort(mouth_opening(head))[: max(3, round(CLOSED_SHARE * len(head)))]
        return cls(mean, basis, spread, coefficients[closed].mean(0), np.percentile(coefficients, [1, 99], axis=0))

    def coefficients(self, head: NDArray) -> Array:
        """The coefficients of landmarks (T, J, 3) in the head frame: (T, K)."""
        moved = speech_share()[:, None] * (head - self.mean)
        return np.einsum("tjd,kjd->tk", moved, self.basis)

    def replaced(self, head: NDArray, coefficients: NDArray) -> Array:
        """Faces (T, J, 3) in the head frame that keep all but the mouth, which gets the coefficients (T, K)."""
        share = speech_share()[:, None]
        spoken = np.einsum("tk,kjd->tjd", coefficients, self.basis)
        return np.asarray(share * self.mean + (1 - share) * head + spoken, np.float64)

    def faces(self, coefficients: NDArray) -> Array:
        """The mean face with the mouths of coefficients (T, K): (T, J, 3) in the head frame."""
        return np.asarray(self.mean + np.einsum("tk,kjd->tjd", coefficients, self.basis), np.float64)

    def save(self, path: Path) -> None:
        """Write it as an npz without pickles."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> MouthShape:
        """Read one written by `save`."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{name: data[name] for name in ("mean", "basis", "spread", "rest", "range")})


def lip_distance(a: NDArray, b: NDArray) -> Array:
    """The mean distance of the lips' edges of two faces (..., J, D) → (...), in units of the points."""
    lips = [*LIPS_OUTER, *LIPS_INNER]
    return np.asarray(np.linalg.norm(a[..., lips, :] - b[..., lips, :], axis=-1).mean(-1), np.float64)
