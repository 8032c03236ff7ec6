"""Ridge regression in closed form, and honest predictions of its own examples.

Legend: N examples, I inputs, K outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0)


def ridge(inputs: NDArray, outputs: NDArray, strength: float) -> tuple[Array, Array]:
    """The linear map (I, K) and offset (K,) that minimise squared error plus `strength` times the squared map.

    The strength counts in mean squared lengths of an example's inputs (N, I), so that it does not depend on their
    number or units (Hoerl and Kennard 1970). The system solved has the smaller of N and I unknowns, so that memory
    grows with N and not with its square.
    """
    x, y = np.asarray(inputs, np.float64), np.asarray(outputs, np.float64)
    middle_x, middle_y = x.mean(0), y.mean(0)
    x, y = x - middle_x, y - middle_y
    weight = strength * max(float(np.square(x).sum()) / len(x), 1e-12)
    matrix = _primal(x, y, weight) if len(x) > x.shape[1] else _dual(x, y, weight)
    return matrix, middle_y - middle_x @ matrix


def _primal(x: Array, y: Array, weight: float) -> Array:
    return np.asarray(np.linalg.solve(x.T @ x + weight * np.eye(x.shape[1]), x.T @ y))


def _dual(x: Array, y: Array, weight: float) -> Array:
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + weight * np.eye(len(x)), y))


def folds(count: int, parts: int, gap: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split a sequence into stretches: yields (what is left `gap` examples away from a stretch, the stretch).

    Where nothing would be left, the gap is as small as it takes.
    """
    every = np.arange(count)
    for part in np.array_split(every, min(parts, count)):
        for clear in (gap, gap // 4, 0):
            rest = every[(every < part[0] - clear) | (every > part[-1] + clear)]
            if len(rest) >= 2:
                yield rest, part
                break


def unseen(inputs: NDArray, outputs: NDArray, strength: float, gap: int, parts: int = 5) -> Array:
    """The outputs (N, K) that ridge gives for each stretch of a sequence when it has not seen it."""
    made = np.tile(np.asarray(outputs, np.float64).mean(0), (len(outputs), 1))
    for rest, part in folds(len(outputs), parts, gap):
        matrix, offset = ridge(inputs[rest], outputs[rest], strength)
        made[part] = inputs[part] @ matrix + offset
    return made


def best_strength(inputs: NDArray, outputs: NDArray, gap: int, among: Sequence[float] = STRENGTHS) -> float:
    """The strength whose unseen outputs err least in the mean square."""
    errors = [float(np.square(unseen(inputs, outputs, one, gap) - outputs).mean()) for one in among]
    return among[int(np.argmin(errors))]
