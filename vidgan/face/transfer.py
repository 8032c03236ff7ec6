"""From a driver's face track to a target's landmarks: motion about neutral frames, in person-neutral lengths.

The change of every landmark since the driver's neutral frame, in the head's own frame, is added to the target's own
neutral landmarks; around eyes and mouth it is scaled so that shut stays shut and the same share of open stays open. So
the driver's face shape, which is in the neutral frame, never reaches the target.

A filmed target goes on moving: its head keeps its own motion and takes the driver's on top, and what its face plays
gives way to what the driver's does.

Legend: T driving frames, J = 478 landmarks; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face import regions as at
from vidgan.face.expression import expression, gap
from vidgan.face.head import HeadPose, angles, from_head, head_pose_of, neutral_mesh, rotation_of, to_head

Array = NDArray[np.float64]

SHUT = 0.06
"""The lid gap over the eye's width that the mesh still shows when an eye is shut."""

_TURNOVER = 0.1
"""Of the eye's width: change of its opening over which one way of scaling becomes the other."""

_SWAY = 0.5
"""Eye distances that the head may move sideways or up: further, the neck would tear."""

_GROWTH = 1.15

_PLAYS = (*at.LIPS, *at.LEFT_EYE, *at.RIGHT_EYE, *at.LEFT_BROW, *at.RIGHT_BROW)

_MAKE_UP, _EXTRA = 1.6, 6.0
"""A turn is painted larger to look as far as it should: by this factor, and by these degrees, at most. More would tear
the far side of the face."""


class FaceTransferConfig(Config):
    """How a driver's motion reaches the target.

    motion: `relative` adds the change since the driver's neutral frame, of the head's angles, place and size since
    their medians, to the target's own face; `absolute` gives the target the driver's head angles and openness of eyes
    and mouth as they are.
    region: which part moves. strength scales all of it.
    """

    motion: Literal["relative", "absolute"] = "relative"
    region: Literal["all", "expression", "lips", "eyes", "pose"] = "all"
    strength: float = Field(default=1.0, ge=0, le=3)


@dataclass(frozen=True)
class Driven:
    """The target's face as it shall be.

    points: (T, J, 3) in the target's pixels and pose, its head pose: what is painted; gaze: (T, 2) how far the irises
    have moved from where they are in the target's picture, in eye widths, right and down; asked: (T, J, 3) the face
    that is meant, which what is painted should look like.
    """

    points: Array
    pose: HeadPose
    gaze: Array
    asked: Array

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, frames: NDArray[Any]) -> Driven:
        """The chosen frames."""
        return Driven(self.points[frames], self.pose[frames], self.gaze[frames], self.asked[frames])


@dataclass(frozen=True)
class Filmed:
    """The target's video under the driver's frames. frames: (T,) which of it is shown; points: (T, J, 3) the target's
    face in it, in the portrait's pixels; share: (T,) how far it is animated, 0 where it is shown as filmed; shots: (T,)
    the number of the video's shot that each is of.
    """

    frames: NDArray[np.int64]
    points: Array
    share: Array
    shots: NDArray[np.int64]


def drive(
    driver: NDArray, neutral: int, target: NDArray, config: FaceTransferConfig, looks: NDArray | None = None,
    filmed: Filmed | None = None, shots: NDArray[np.int64] | None = None,
) -> Driven:  # fmt: skip
    """The target's landmarks for every driving frame.

    Args:
        driver: (T, J, 3) the driver's landmarks in their pixels, no NaN.
        neutral: the frame in which the driver is at rest.
        target: (J, 3) the target's landmarks in their picture.
        config: which motion, region and strength.
        looks: (2,) how far a painted turn and nod look for each degree; what is painted makes up for it.
        filmed: the target's own video, whose frames are animated; None for a picture.
        shots: (T,) the number of the driver's shot that each frame is of; None for one shot.
    """
    filmed = filmed or _still(target, len(driver))
    theirs, own, at_home = head_pose_of(driver), head_pose_of(filmed.points), head_pose_of(target[None])
    heads, played, home = to_head(driver, theirs), to_head(filmed.points, own), to_head(target[None], at_home)[0]
    strength = config.strength * filmed.share
    gives_way = np.minimum(strength, 1)
    rest = heads[neutral]
    start = home + _offset(rest, home) if config.motion == "absolute" else home
    change = start - home + (heads - rest) * local_scale(heads, rest, start)
    change = strength[:, None, None] * change + gives_way[:, None, None] * expressive()[:, None] * (home - played)
    face = played + region_share(config.region)[:, None] * change
    for ring in (at.LEFT_EYE, at.RIGHT_EYE, at.LIPS_INNER):
        _uncross(face, ring)
    moves_head = config.region in ("all", "pose")
    shots = np.zeros(len(driver), np.int64) if shots is None else shots
    pose = _pose(theirs, own, strength, config.motion, shots) if moves_head else own
    gaze, straight = gaze_of(heads), gaze_of(home[None])
    ahead = gaze[neutral] if config.motion == "relative" else straight
    moves_eyes = config.region in ("all", "expression", "eyes")
    look = strength[:, None] * (gaze - ahead) + gives_way[:, None] * (straight - gaze_of(played))
    painted = _made_up(pose, own, np.ones(2) if looks is None else looks)
    return Driven(from_head(face, painted), painted, moves_eyes * look, from_head(face, pose))


def _still(target: NDArray, frames: int) -> Filmed:
    """A picture, as a video in which nothing moves."""
    none = np.zeros(frames, np.int64)
    return Filmed(none, np.repeat(target[None], frames, 0), np.ones(frames), none)


def whole(
    points: NDArray, present: NDArray[np.bool_], seconds: NDArray, shots: NDArray[np.int64] | None = None
) -> Array:
    """Landmarks (T, J, 3) with those of lost frames interpolated in time; the ends are held, also those of shots (T,).

    A shot without any is filled from those before and after it.
    """
    flat = points.reshape(len(points), -1).astype(np.float64)
    filled = np.empty_like(flat)
    shots = np.zeros(len(points), np.int64) if shots is None else shots
    for shot in np.unique(shots):
        here = shots == shot
        known = here & present if (here & present).any() else present
        filled[here] = np.stack([np.interp(seconds[here], seconds[known], column[known]) for column in flat.T], 1)
    return filled.reshape(points.shape)


def region_share(region: str) -> Array:
    """How much of the expression each landmark takes, (J,) in [0, 1]."""
    share: Array = np.ones(at.LANDMARKS)
    if region == "pose":
        share[:] = 0
    elif region in ("lips", "eyes"):
        height = neutral_mesh()[:, 1]
        low, high = np.clip((height - 0.32) / 0.15, 0, 1), 1 - np.clip((height - 0.1) / 0.15, 0, 1)
        share = np.asarray(low if region == "lips" else high, np.float64)
    return share


@cache
def expressive() -> Array:
    """How far each landmark is moved by what a face plays, (J,): 1 on lips, lids, brows and chin, 0 where only the head
    moves it, by its distances to both.
    """
    mesh = neutral_mesh()

    def away(others: tuple[int, ...]) -> NDArray:
        return np.asarray(np.linalg.norm(mesh[:, None] - mesh[list(others)], axis=-1).min(1), np.float64)

    rigid = away(at.RIGID)
    return np.minimum(1.5 * rigid / np.maximum(rigid + away(_PLAYS), 1e-9), 1)


def local_scale(driver: NDArray, rest: NDArray, target: NDArray) -> Array:
    """Factors (T, J, 3) for the change of the driver's landmarks (T, J, 3) on the target's.

    Around the eyes by their widths, and where lids close, by how far they can travel until they are shut: no eye opens
    farther for being larger at rest. Around the mouth by the widths of the mouths.

    Args:
        driver: (T, J, 3).
        rest: (J, 3) the driver at rest.
        target: (J, 3) the target at rest.
    """
    mesh = neutral_mesh()[:, :2]
    scale = np.ones((len(driver), at.LANDMARKS, 3))
    for corners, ring, lids in (
        (at.LEFT_EYE_CORNERS, at.LEFT_EYE, at.LEFT_LID_PAIRS),
        (at.RIGHT_EYE_CORNERS, at.RIGHT_EYE, at.RIGHT_LID_PAIRS),
    ):
        width, unit = _width(target, corners), _width(rest, corners)
        opening = gap(driver, lids) - gap(rest[None], lids)
        travel = gap(rest[None], lids)[0] - SHUT * unit
        shutting = gap(target[None], lids)[0] / max(travel, 0.02)
        opened = np.clip(0.5 + opening / (_TURNOVER * unit), 0, 1)
        wide = np.full(len(driver), width / unit)
        tall = shutting + opened * (wide - shutting)
        near = np.exp(-((np.linalg.norm(mesh - mesh[list(ring)].mean(0), axis=1) / 0.27) ** 4))[:, None]
        scale += near * (np.clip(np.stack([wide, tall, wide], -1), 0.3, 2.5)[:, None] - 1)
    wider = np.clip(_width(target, at.MOUTH_CORNERS) / _width(rest, at.MOUTH_CORNERS), 0.7, 1.4)
    near = np.exp(-((np.linalg.norm(mesh - mesh[list(at.LIPS_OUTER)].mean(0), axis=1) / 0.5) ** 4))[:, None]
    return scale + near * (wider - 1)


def _offset(driver: NDArray, target: NDArray) -> Array:
    """What takes the target's own opening of eyes and mouth to the driver's at rest: (J, 3)."""
    offset = np.zeros_like(target)
    mine, theirs = expression(target[None]), expression(driver[None])
    for ring, asked, have, unit in (
        (at.LEFT_EYE, theirs.left_eye[0], mine.left_eye[0], _width(target, at.LEFT_EYE_CORNERS)),
        (at.RIGHT_EYE, theirs.right_eye[0], mine.right_eye[0], _width(target, at.RIGHT_EYE_CORNERS)),
        (at.LIPS_INNER, theirs.mouth[0], mine.mouth[0], 1.0),
    ):
        half = len(ring) // 2
        bulge = np.sin(np.pi * np.arange(1, half) / half) ** 0.5
        move = 0.5 * (asked - have) * unit * bulge
        offset[list(ring[1:half]), 1] += move
        offset[list(ring[:half:-1]), 1] -= move
    return offset


def _pose(theirs: HeadPose, own: HeadPose, strength: NDArray, motion: str, shots: NDArray[np.int64]) -> HeadPose:
    # The head is at rest as and where it usually is in its shot, since after a cut the camera is another: the one frame
    # with the face at rest may be a nod or a step.
    usual = rotation_of(_usual(angles(theirs.rotation), shots))
    turned = theirs.rotation @ np.swapaxes(usual, -1, -2)
    if motion == "absolute":
        turned = theirs.rotation @ np.swapaxes(own.rotation, -1, -2)
    rotation = power(turned, strength) @ own.rotation
    size = _usual(theirs.scale, shots)
    moved = strength[:, None] * (theirs.translation - _usual(theirs.translation, shots)) / size[:, None]
    moved[:, 2] = 0
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    moved *= _SWAY * np.tanh(length / _SWAY) / np.maximum(length, 1e-9)
    grown = (theirs.scale / size) ** strength
    scale = own.scale * np.clip(grown, 1 / _GROWTH, _GROWTH)
    return HeadPose(rotation, scale, own.translation + own.scale[:, None] * moved)


def _usual(values: NDArray, shots: NDArray[np.int64]) -> Array:
    """For every frame the median over its shot: (T, ...), (T,) → (T, ...)."""
    shot, at = np.unique(shots, return_inverse=True)
    return np.stack([np.median(values[shots == one], 0) for one in shot])[at]


def _made_up(pose: HeadPose, own: HeadPose, looks: NDArray) -> HeadPose:
    """The pose whose picture looks like `pose`."""
    turned = angles(pose.rotation @ np.swapaxes(own.rotation, -1, -2))
    missing = turned[:, :2] * (1 / np.clip(looks, 1 / _MAKE_UP, 1) - 1)
    turned[:, :2] += _EXTRA * np.tanh(missing / _EXTRA)
    return HeadPose(rotation_of(turned) @ own.rotation, pose.scale, pose.translation)


def power(rotation: NDArray, exponent: NDArray | float) -> Array:
    """A share, one or (T,), of a rotation about its own axis: (T, 3, 3) → (T, 3, 3)."""
    cos = np.clip((np.trace(rotation, axis1=-2, axis2=-1) - 1) / 2, -1, 1)
    angle = np.arccos(cos)
    skew = (rotation - np.swapaxes(rotation, -1, -2)) / (2 * np.maximum(np.sin(angle), 1e-9))[..., None, None]
    new = (exponent * angle)[..., None, None]
    return np.asarray(np.eye(3) + np.sin(new) * skew + (1 - np.cos(new)) * (skew @ skew))


def _uncross(face: Array, ring: tuple[int, ...]) -> None:
    """Let lids and lips meet and not pass through each other; in place, (T, J, 3)."""
    half = len(ring) // 2
    lower, upper = list(ring[1:half]), list(ring[:half:-1])
    crossed = face[:, upper, 1] > face[:, lower, 1]
    middle = (face[:, upper, 1] + face[:, lower, 1]) / 2
    face[:, upper, 1] = np.where(crossed, middle, face[:, upper, 1])
    face[:, lower, 1] = np.where(crossed, middle, face[:, lower, 1])


def gaze_of(heads: NDArray) -> Array:
    """Where the irises are between the eyes' corners, of faces in the head frame: (T, J, 3) → (T, 2) in eye widths."""
    found = expression(heads)
    return np.stack([found.gaze_x, found.gaze_y], 1)


def _width(head: NDArray, corners: tuple[int, int]) -> float:
    return max(float(np.linalg.norm(head[corners[0]] - head[corners[1]])), 1e-3)
