"""How well a face follows another: openness and head pose found again in a video, against what was asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.face.expression import expression_of
from vidgan.face.head import angles, head_pose
from vidgan.face.track import FaceTrack
from vidgan.metrics.lip_sync import correlation

TURN = 25.0
"""Degrees of yaw from the target's picture up to which the head pose is judged."""

STILL = 0.01
"""Openness that varies less than this has no course to follow."""


@dataclass(frozen=True)
class FaceFollow:
    """What was found, over frames in which both show the face.

    eyes, mouth: Pearson correlation of openness with the driver's, in [-1, 1], None where the driver's does not vary;
    pose_degrees: mean angle between the head pose found and the one asked, of the frames that turn by up to 25 degrees
    of yaw from the target's picture (None: none does); pose_worst: the largest; checked frames, in `missed` of which no
    face was found.
    """

    eyes: float | None
    mouth: float | None
    pose_degrees: float | None
    pose_worst: float | None
    checked: int
    missed: int


def face_follow(found: FaceTrack, asked: FaceTrack, driver: FaceTrack, home: NDArray) -> FaceFollow:
    """Compare three tracks of the same frames.

    Args:
        found: the faces detected in the video.
        asked: the target's face as it should be.
        driver: the face that was followed.
        home: (1 or T, 3, 3) the rotation of the head in the target's picture, or in those under the frames.
    """
    both = found.present & asked.present & driver.present
    missed = int((~found.present & asked.present).sum())
    if not both.any():
        return FaceFollow(None, None, None, None, len(found), missed)
    seen, theirs = expression_of(found[both]), expression_of(driver[both])
    there, wanted = head_pose(found[both]).rotation, head_pose(asked[both]).rotation
    error = angle_between(there, wanted)
    home = np.broadcast_to(home, (len(both), 3, 3))[both]
    near = np.abs(angles(wanted @ np.swapaxes(home, -1, -2))[:, 0]) <= TURN
    return FaceFollow(
        eyes=correlation(seen.eyes, theirs.eyes, STILL),
        mouth=correlation(seen.mouth, theirs.mouth, STILL),
        pose_degrees=float(error[near].mean()) if near.any() else None,
        pose_worst=float(error[near].max()) if near.any() else None,
        checked=len(found),
        missed=missed,
    )


def angle_between(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """The angle of the rotation from one to the other in degrees: (T, 3, 3) twice → (T,)."""
    trace = np.einsum("tij,tij->t", one, other)
    return np.asarray(np.rad2deg(np.arccos(np.clip((trace - 1) / 2, -1, 1))))
