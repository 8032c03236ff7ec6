"""Repairing raw landmarks: left and right swapped for a few frames, single frames far off, gaps.

Legend: T frames, J landmarks, D = 2 or 3; NaN where nothing was found. Positions are in person heights.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vidgan.pose.track import JOINT, LANDMARKS

MIRROR = np.array([
    JOINT[name.replace("left", "#").replace("right", "left").replace("#", "right")] for name in LANDMARKS
])  # fmt: skip
"""The index of each landmark's counterpart on the other side."""

LEGS = [i for name, i in JOINT.items() if name.endswith(("hip", "knee", "ankle", "heel", "foot_index"))]
ARMS = [i for name, i in JOINT.items() if name.endswith(("shoulder", "elbow", "wrist", "pinky", "thumb", "_index"))]
ARMS = [i for i in ARMS if i not in LEGS]
GROUPS = (ARMS, LEGS)
"""What gets swapped together: the model may swap the arms with the shoulders, the legs with the hips, or both."""

_STATES = ((False, False), (True, False), (False, True), (True, True))

_SWAP_COST = 0.4
"""Person heights of jump for each second that a swap of one group must explain to be believed: a front view swapped
jumps about 0.2 heights in and again out; a person who really turns moves each side steadily and jumps nowhere."""

_TWIST_COST = 2.0
"""The same for a second of shoulders turned against the hips: anatomy says which of two swapped groups is wrong."""

_TRUSTED_STEP = 1 / 12
"""Seconds between frames up to which a jump counts in full; over longer steps more of it may be real motion."""


def find_swaps(heights: NDArray, world: NDArray, seconds: NDArray) -> NDArray[np.bool_]:
    """The frames where left and right are exchanged in arms and in legs.

    The labelling over time that moves the landmarks least, with a charge on each second of swapped labels and of
    shoulders that face against the hips: found exactly by dynamic programming over four states (Viterbi).

    Args:
        heights: (T, J, 2) positions in person heights, NaN where there is no person.
        world: (T, J, 3) metres; NaN leaves the shoulders' direction out.
        seconds: (T,) increasing.

    Returns:
        (T, 2) bool: arms, legs.
    """
    found = np.flatnonzero(~np.isnan(heights).any(axis=(1, 2)))
    swapped = np.zeros((len(heights), len(GROUPS)), bool)
    if len(found) < 3:
        return swapped
    step = np.diff(seconds[found], append=seconds[found[-1]] + np.median(np.diff(seconds[found])))
    stay = _state_costs(world[found]) * np.clip(step, 1e-3, 0.25)[:, None]
    move = _move_costs(heights[found]) * np.minimum(1, _TRUSTED_STEP / step[:-1])[:, None, None]
    total = stay[0]
    choice = np.zeros((len(found), len(_STATES)), int)
    for t in range(1, len(found)):
        ways = total[:, None] + move[t - 1]
        choice[t] = ways.argmin(axis=0)
        total = ways.min(axis=0) + stay[t]
    state = int(total.argmin())
    for t in range(len(found) - 1, -1, -1):
        swapped[found[t]] = _STATES[state]
        state = int(choice[t, state])
    return swapped


def exchange(landmarks: NDArray, frames: NDArray[np.bool_], group: list[int]) -> NDArray:
    """`landmarks` (T, J, ...) with left and right of `group` exchanged in `frames` (T,)."""
    repaired = landmarks.copy()
    chosen = np.flatnonzero(frames)
    repaired[np.ix_(chosen, np.array(group))] = landmarks[np.ix_(chosen, MIRROR[group])]
    return repaired


def find_spikes(heights: NDArray, seconds: NDArray, limit: float = 0.2, span: float = 0.17) -> NDArray[np.bool_]:
    """Landmarks that leave their path for a few frames: (T, J, D), (T,) → (T, J) bool.

    A spike is further than a limit from the straight line between a frame before and one after it, and further than
    twice what these are apart: fast motion goes on, a spike comes back. The limit is `limit` person heights for frames
    `span` seconds apart (further apart are not looked at) and falls to a third of it for closer ones.
    """
    spikes = np.zeros(heights.shape[:2], bool)
    for reach in range(1, (len(heights) - 1) // 2 + 1):
        first, middle, last = seconds[: -2 * reach], seconds[reach:-reach], seconds[2 * reach :]
        apart = (last - first) / span
        close = apart <= 1
        if not close.any():
            break
        before, here, after = heights[: -2 * reach], heights[reach:-reach], heights[2 * reach :]
        share = ((middle - first) / (last - first))[:, None, None]
        missed = np.linalg.norm(here - (before + share * (after - before)), axis=-1)
        around = np.linalg.norm(after - before, axis=-1)
        spikes[reach:-reach] |= (missed > limit * (1 + 2 * apart[:, None]) / 3) & (missed > 2 * around) & close[:, None]
    return spikes


def fill_gaps(values: NDArray, seconds: NDArray, known: NDArray[np.bool_], max_gap: float) -> NDArray[np.float64]:
    """Linear interpolation in time of what is not `known`, over gaps of at most `max_gap` seconds.

    Args:
        values: (T, ...).
        seconds: (T,) increasing.
        known: (T,) bool.
        max_gap: the longest time between the known samples on both sides.

    Returns:
        (T, ...) with longer gaps, and those at the ends, NaN.
    """
    filled = np.full(values.shape, np.nan)
    index = np.flatnonzero(known)
    filled[index] = values[index]
    for left, right in pairwise(index):
        if right - left > 1 and seconds[right] - seconds[left] <= max_gap:
            share = (seconds[left + 1 : right] - seconds[left]) / (seconds[right] - seconds[left])
            share = share.reshape(-1, *[1] * (values.ndim - 1))
            filled[left + 1 : right] = values[left] + share * (values[right] - values[left])
    return filled


def ranges(frames: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of True as (first, last) frame indices: (T,) bool."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
    return [(int(first), int(last) - 1) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def _state_costs(world: NDArray) -> NDArray[np.float64]:
    """Charge for a second in each state: (T, J, 3) → (T, states)."""
    shoulders, hips = (
        world[:, JOINT[f"left_{joint}"], ::2] - world[:, JOINT[f"right_{joint}"], ::2] for joint in ("shoulder", "hip")
    )
    size = np.linalg.norm(shoulders, axis=-1) * np.linalg.norm(hips, axis=-1)
    agree = np.nan_to_num((shoulders * hips).sum(axis=-1) / np.maximum(size, 1e-6))
    columns = [
        _SWAP_COST * (arms + legs) + _TWIST_COST * (1 + (agree if arms != legs else -agree)) / 2
        for arms, legs in _STATES
    ]
    return np.stack(columns, axis=1)


def _move_costs(heights: NDArray) -> NDArray[np.float64]:
    """Mean distance that the landmarks of both groups go from each state to each: (T, J, D) → (T-1, states, states)."""
    same, other = [], []
    for group in GROUPS:
        straight, crossed = heights[:, group], heights[:, MIRROR[group]]
        same.append(_distance(straight[:-1], straight[1:]))
        other.append(_distance(straight[:-1], crossed[1:]))
    costs = [[sum(other[g] if a[g] != b[g] else same[g] for g in range(len(GROUPS))) for b in _STATES] for a in _STATES]
    return np.moveaxis(np.array(costs), -1, 0)


def _distance(before: NDArray, after: NDArray) -> NDArray[np.float64]:
    """Mean distance of the landmarks: (T, n, D) twice → (T,)."""
    return np.asarray(np.linalg.norm(after - before, axis=-1).mean(axis=-1))
