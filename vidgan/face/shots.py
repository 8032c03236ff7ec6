"""Which shots of a film show the same face, by its shape.

Legend: T frames, J = 478 landmarks; a shot is a range of frames without a cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import angles, head_pose, to_head
from vidgan.face.regions import RIGID
from vidgan.face.track import FaceTrack

OTHER = 0.018
"""Root mean square distance of two faces' rigid landmarks, in distances of the outer eye corners, from which on they
are taken for two people's. Of thirteen people's clips in quarters, 10 % of one person's pairs lie beyond it (median
0.008) and 9 % of two people's within."""

FRONTAL = (8.0, 15.0)
"""Degrees of yaw and pitch up to which the mesh shows a face's own shape; turned further, it bends towards a mean."""

LEAST = 5
"""Frames with a frontal face without which a shot's shape is not known."""


def shots_of(count: int, cuts: Sequence[int]) -> list[slice]:
    """The shots of `count` frames, from the numbers of the frames that begin a new one."""
    edges = [0, *(cut for cut in sorted(set(cuts)) if 0 < cut < count), count]
    return [slice(a, b) for a, b in pairwise(edges)]


def visits(shots: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number for each run of one shot in shown frames, (T,) → (T,): a film that runs back comes to a shot twice."""
    return np.concatenate([[0], np.cumsum(np.diff(shots) != 0)]).astype(np.int64)


def rigid_shape(track: FaceTrack) -> NDArray[np.float64] | None:
    """The median of the rigid landmarks in the head frame, (R, 3); None where the front of the face is hardly seen."""
    here = track[track.present]
    pose = head_pose(here)
    frontal = (np.abs(angles(pose.rotation)[:, :2]) < FRONTAL).all(1)
    if frontal.sum() < LEAST:
        return None
    return np.asarray(np.median(to_head(here.points, pose)[frontal][:, list(RIGID)], 0))


def unlike(one: NDArray, other: NDArray) -> float:
    """How far two shapes (R, 3) differ, in distances of the outer eye corners."""
    return float(np.sqrt(np.square(one - other).sum(-1).mean()))


def only_the_first(track: FaceTrack, cuts: Sequence[int], other: float = OTHER) -> tuple[FaceTrack, list[slice]]:
    """The track with the face of the first shot that shows one, and the shots that were left out as another's.

    A shot that never shows its face from the front is kept.
    """
    shots = shots_of(len(track), cuts)
    shapes = [rigid_shape(track[shot]) for shot in shots]
    first = next((shape for shape in shapes if shape is not None), None)
    left_out = [
        shot
        for shot, shape in zip(shots, shapes, strict=True)
        if shape is not None and first is not None and unlike(shape, first) > other
    ]
    image, depth, present = track.image.copy(), track.depth.copy(), track.present.copy()
    for shot in left_out:
        image[shot], depth[shot], present[shot] = np.nan, np.nan, False
    return replace(track, image=image, depth=depth, present=present), left_out
