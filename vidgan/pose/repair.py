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
GROUPS = {"legs": LEGS, "arms": ARMS}
"""What gets swapped together: the model may swap the legs alone, the arms and shoulders alone, or both."""

SWAP_COST = 0.8
"""Person heights of jump for each second that a swap must explain to be believed.

A front view swapped for a few frames jumps about 0.2 heights in and again out, so it is repaired up to half a second;
a person who really turns moves each side steadily and jumps nowhere.
"""


def find_swaps(heights: NDArray, seconds: NDArray, group: list[int], cost: float = SWAP_COST) -> NDArray[np.bool_]:
    """The frames where left and right of `group` are exchanged: (T, J, D), (T,) → (T,) bool.

    The labelling over time that moves the landmarks least, with a charge on each second of swapped labels: found
    exactly by dynamic programming over two states (Viterbi).
    """
    found = np.flatnonzero(~np.isnan(heights[:, group]).any(axis=(1, 2)))
    swapped = np.zeros(len(heights), bool)
    if len(found) < 3:
        return swapped
    straight, crossed = heights[found][:, group], heights[found][:, MIRROR[group]]
    step = np.diff(seconds[found])
    keep, change = _move(straight, straight), _move(straight, crossed)
    dwell = cost * np.clip(np.append(step, np.median(step)), 1e-3, 0.25)
    total = np.array([0.0, dwell[0]])
    choice = np.zeros((len(found), 2), int)
    for t in range(1, len(found)):
        ways = np.array([[keep[t - 1], change[t - 1]], [change[t - 1], keep[t - 1]]]) + total[:, None]
        choice[t] = ways.argmin(axis=0)
        total = ways.min(axis=0) + np.array([0.0, dwell[t]])
    state = int(total.argmin())
    for t in range(len(found) - 1, -1, -1):
        swapped[found[t]] = bool(state)
        state = int(choice[t, state])
    return swapped


def exchange(landmarks: NDArray, frames: NDArray[np.bool_], group: list[int]) -> NDArray:
    """`landmarks` (T, J, ...) with left and right of `group` exchanged in `frames` (T,)."""
    repaired = landmarks.copy()
    chosen = np.flatnonzero(frames)
    repaired[np.ix_(chosen, np.array(group))] = landmarks[np.ix_(chosen, MIRROR[group])]
    return repaired


def find_spikes(heights: NDArray, seconds: NDArray, limit: float = 0.2, span: float = 0.17) -> NDArray[np.bool_]:
    """Landmarks that leave their path for one frame: (T, J, D), (T,) → (T, J) bool.

    A spike is further than `limit` person heights from the straight line between its neighbours in time, and further
    than twice what the neighbours' own lines miss by, where both lie within `span` seconds (more may be real motion).
    """
    spikes = np.zeros(heights.shape[:2], bool)
    if len(heights) < 3:
        return spikes
    before, here, after = heights[:-2], heights[1:-1], heights[2:]
    share = ((seconds[1:-1] - seconds[:-2]) / np.maximum(seconds[2:] - seconds[:-2], 1e-6))[:, None, None]
    missed = np.linalg.norm(here - (before + share * (after - before)), axis=-1)
    around = np.linalg.norm(after - before, axis=-1)
    close = (seconds[2:] - seconds[:-2] <= span)[:, None]
    with np.errstate(invalid="ignore"):
        spikes[1:-1] = (missed > limit) & (missed > 2 * around) & close
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


def _move(positions: NDArray, following: NDArray) -> NDArray[np.float64]:
    """Mean distance of the landmarks from each frame's labelling to the next frame's: (T, n, D) twice → (T-1,)."""
    return np.asarray(np.linalg.norm(following[1:] - positions[:-1], axis=-1).mean(axis=-1))
