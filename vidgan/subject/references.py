"""Which of the target's frames show a driving pose best, chosen so that the choice changes seldom and smoothly.

Legend: T driving frames, N target frames, K slots, J landmarks, F of them in a face, C places of trunk, thighs and
face; points in window units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.config import Config
from vidgan.pose.body import HIPS, PARTS, SLEEVE, point
from vidgan.pose.track import JOINT, LANDMARKS
from vidgan.subject.heads import heads_alike
from vidgan.subject.parts import BEFORE, bone_distances, part_table

Array = NDArray[np.float32]

_WEIGHTS = {
    "nose": 1.0, "left_ear": 1.0, "right_ear": 1.0, "shoulder": 1.5, "elbow": 1.5, "wrist": 1.5, "index": 0.5,
    "hip": 1.5, "knee": 1.5, "ankle": 1.0, "foot_index": 0.5,
}  # fmt: skip

_ALONG = np.linspace(0.1, 0.9, 9, dtype=np.float32)

_FACE = ("nose", "left_eye", "right_eye", "mouth_left", "mouth_right")

NOD = 0.002
"""Heads that are turned apart by this much more than the nearest, in heights, are alike to exp(-1/2)."""

SEEN = 0.5
"""The visibility from which on a landmark should be inside the matte."""


STRIDE = 0.01
"""A driving pose that goes this far from one frame to the next, in the units of `descriptor`, counts in full."""

SLOWEST = 0.05
"""One that stands still counts this much."""

PACE_OVER = 11
"""Frames over which a pose's pace is averaged."""


class ReferenceConfig(Config):
    """How references are chosen. Distances are squared, in units of the person's height; unsharp frames and such whose
    mask and landmarks disagree count as farther, and so do those whose heads are turned otherwise or whose arms hide
    what no slot before shows. `switch_cost` is what a change must save, over frames that count by their `pace`.
    """

    count: int = 3
    facing_weight: float = 0.03
    blur_weight: float = 0.01
    doubt_weight: float = 0.25
    head_weight: float = 0.01
    hidden_weight: float = 0.5
    switch_cost: float = 0.012
    apart: int = 8

    def with_count(self, count: int | None) -> ReferenceConfig:
        """The same for a generator that takes `count` references; None leaves it."""
        return self.model_copy(update={"count": count}) if count else self


@dataclass(frozen=True)
class Choice:
    """index: (T, K) int64 target frames, slot 0 the best; far: (T,) float32, the squared distance of each driving pose
    to that of the nearest target frame.
    """

    index: NDArray[np.int64]
    far: Array

    def __getitem__(self, frames: slice) -> Choice:
        """Those of some of the driving frames."""
        return Choice(self.index[frames], self.far[frames])


def _joint_weights() -> Array:
    weights = np.zeros(len(LANDMARKS), np.float32)
    for name, weight in _WEIGHTS.items():
        for landmark, index in JOINT.items():
            if landmark == name or landmark.removeprefix("left_").removeprefix("right_") == name:
                weights[index] = weight
    return weights / weights.sum()


def descriptor(points: Array, heights: Array, facing: Array, facing_weight: float) -> Array:
    """A vector for each pose whose squared Euclidean distances compare poses: (T, 2 J + 2).

    points: (T, J, 2), heights: (T,), facing: (T,) radians. Joints are taken about the mid-hip in person heights, so
    place and size do not count; the facing direction does, on the unit circle.
    """
    root = points[:, [JOINT[name] for name in HIPS]].mean(1, keepdims=True)
    joints = (points - root) / heights[:, None, None] * np.sqrt(_joint_weights())[None, :, None]
    turn = np.stack([np.cos(facing), np.sin(facing)], -1) * np.sqrt(facing_weight)
    return np.concatenate([joints.reshape(len(points), -1), turn], 1).astype(np.float32)


def doubts(mattes: NDArray[np.uint8], points: Array, visibility: Array) -> Array:
    """How far masks and landmarks disagree: the share of places along arms and legs that are seen, but not in the
    matte. Either there is a gap in the matte, or a landmark is beside its limb: the one would leave the limb full of
    holes, the other warp something else. (N,) in [0, 1].

    mattes: (N, S, S) uint8; points: (N, J, 2); visibility: (N, J).
    """
    size = mattes.shape[1]
    places, seen = [], []
    for part in (part for part in PARTS if part.name not in ("head", "torso")):
        start, end = point(points, part.start), point(points, part.end)
        places.append(start[:, None] + (end - start)[:, None] * _ALONG[:, None])
        there = visibility[:, [JOINT[name] for name in (*part.start, *part.end)]].min(1) > SEEN
        seen.append(np.repeat(there[:, None], len(_ALONG), 1))
    x, y = np.moveaxis((np.concatenate(places, 1) * size).astype(np.int64).clip(0, size - 1), -1, 0)
    missed = mattes[np.arange(len(mattes))[:, None], y, x] < 100
    return np.asarray((missed & np.concatenate(seen, 1)).mean(1), np.float32)


def hidden(points: Array, heights: Array) -> Array:
    """Which places of trunk, thighs and face lie behind a forearm or a hand: (T, C) float32, 0 or 1.

    points: (T, J, 2), heights: (T,). Arms are taken to be before the body, whose depth is not asked.
    """
    left, right = (_along(points, f"{side}_shoulder", f"{side}_hip") for side in ("left", "right"))
    trunk = [left + share * (right - left) for share in _ALONG]
    thighs = [_along(points, f"{side}_hip", f"{side}_knee") for side in ("left", "right")]
    places = np.concatenate([*trunk, *thighs, points[:, [JOINT[name] for name in _FACE]]], 1)
    at, bodies, tall = (torch.from_numpy(np.asarray(value, np.float32)) for value in (places, points, heights))
    arms = part_table("cpu", tuple(part for part in PARTS if part.name.endswith(BEFORE)))
    return (bone_distances(bodies, at, tall, arms).amin(1) < SLEEVE**2).float().numpy()


def _along(points: Array, start: str, end: str) -> Array:
    """Places between two landmarks: (T, 9, 2)."""
    first, last = (points[:, JOINT[name], None] for name in (start, end))
    return first + _ALONG[:, None] * (last - first)


def pose_distances(driving: Array, target: Array) -> Array:
    """Squared distances (T, N) between descriptors."""
    squares = (driving**2).sum(1)[:, None] + (target**2).sum(1)[None] - 2 * driving @ target.T
    return np.maximum(squares, 0).astype(np.float32)


def pace(descriptors: Array) -> Array:
    """How much each driving pose counts when references are chosen, by how far it goes: (T, D) → (T,) in [SLOWEST, 1].

    A reference counts by how far the pose goes while it is used, and not by how long: somebody who hardly moves would
    else change references for gains that nobody sees, and nothing moves there to hide the change.
    """
    second = descriptors[:2][-1:]  # so that the first pose goes as far as it
    steps = np.linalg.norm(np.diff(descriptors, axis=0, prepend=second), axis=1)
    around = np.pad(steps, PACE_OVER // 2, mode="edge")
    mean = np.convolve(around, np.full(PACE_OVER, 1 / PACE_OVER), mode="valid")
    return np.clip(mean / STRIDE, SLOWEST, 1).astype(np.float32)


def steadiest_path(costs: Array, switch_cost: float) -> NDArray[np.int64]:
    """The path through (T, N) costs that is cheapest when every change costs `switch_cost` (Viterbi) → (T,)."""
    total = costs[0].astype(np.float64)
    came_from = np.zeros(costs.shape, np.int32)
    own = np.arange(costs.shape[1], dtype=np.int32)
    for t in range(1, len(costs)):
        best = int(total.argmin())
        switch = total[best] + switch_cost < total
        came_from[t] = np.where(switch, best, own)
        total = np.where(switch, total[best] + switch_cost, total) + costs[t]
    path = np.empty(len(costs), np.int64)
    path[-1] = total.argmin()
    for t in range(len(costs) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path


@dataclass(frozen=True)
class Compared:
    """What poses are compared by: descriptors (T, D), `faces` (T, F) and `hidden` places (T, C)."""

    descriptors: Array
    faces: NDArray[np.complex64]
    hidden: Array

    def __len__(self) -> int:
        return len(self.descriptors)


def differences(driving: Compared, target: Compared, head_weight: float) -> tuple[Array, Array]:
    """Of poses alone, see `pose_distances`, and with how their heads are turned: (T, N) both."""
    apart = pose_distances(driving.descriptors, target.descriptors)
    alike = heads_alike(torch.from_numpy(driving.faces), torch.from_numpy(target.faces), NOD).numpy()
    return apart, np.asarray(apart + head_weight * (1 - alike), np.float32)


def choose(driving: Compared, target: Compared, handicap: Array, config: ReferenceConfig) -> Choice:
    """References for every driving frame, each of which counts by its `pace`.

    handicap: (N,), the distance by which a target frame counts as farther. Slot 0 follows the cheapest steady path;
    each further slot does the same among frames at least `apart` away from those already taken at that moment, so that
    slots show different moments and seldom change together. What the driving pose shows and no earlier slot does,
    hidden by an arm, costs the further slots: an arm across the chest in all references would be painted on the chest.
    """
    counts = pace(driving.descriptors)[:, None]
    apart, costs = differences(driving, target, config.head_weight)
    costs = (costs + handicap[None]) * counts
    own = np.arange(len(target))
    missing = counts * (1 - driving.hidden) * np.float32(config.hidden_weight / driving.hidden.shape[1])
    paths: list[NDArray[np.int64]] = []
    for _ in range(min(config.count, len(target))):
        path = steadiest_path(costs + missing @ target.hidden.T if paths else costs, config.switch_cost)
        missing = missing * target.hidden[path]
        paths.append(path)
        near = np.abs(own[None] - path[:, None]) < min(config.apart, max(1, len(target) // (2 * config.count)))
        costs = costs + near * np.float32(1e3)
    while len(paths) < config.count:
        paths.append(paths[0])
    index = np.stack(paths, 1)
    return Choice(index=index, far=apart.min(1))
