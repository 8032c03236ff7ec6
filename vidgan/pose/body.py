"""Anatomy shared by retargeting, warping and rasterising: parts, the bone tree, height and facing.

Legend: T frames, J = 33 landmarks (`vidgan.pose.track.LANDMARKS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.pose.track import JOINT, PoseTrack

SHOULDERS = ("left_shoulder", "right_shoulder")
HIPS = ("left_hip", "right_hip")
PERSON_METRES = 1.7
"""The height that a person is taken to have where only proportions are known."""

EARS = ("left_ear", "right_ear")


@dataclass(frozen=True)
class Part:
    """A body part: the axis between two points (means of the named landmarks) and its thickness.

    `radius` is half the part's width as a share of the person's height.
    """

    name: str
    start: tuple[str, ...]
    end: tuple[str, ...]
    radius: float


def _limbs(side: str) -> tuple[Part, ...]:
    def at(joint: str) -> tuple[str]:
        return (f"{side}_{joint}",)

    return (
        Part(f"{side}_upper_arm", at("shoulder"), at("elbow"), 0.030),
        Part(f"{side}_lower_arm", at("elbow"), at("wrist"), 0.025),
        Part(f"{side}_hand", at("wrist"), (f"{side}_index", f"{side}_pinky"), 0.030),
        Part(f"{side}_thigh", at("hip"), at("knee"), 0.045),
        Part(f"{side}_shin", at("knee"), at("ankle"), 0.035),
        Part(f"{side}_foot", at("heel"), at("foot_index"), 0.025),
    )


PARTS: tuple[Part, ...] = (
    Part("head", SHOULDERS, EARS, 0.065),
    Part("torso", HIPS, SHOULDERS, 0.090),
    *_limbs("left"),
    *_limbs("right"),
)
"""The 14 parts, the head's axis running from the neck to the middle of the skull."""

SLEEVE = 1.8
"""How far a forearm or a hand hides what is behind it, in its radii: sleeves are wider than arms."""

PART = {part.name: index for index, part in enumerate(PARTS)}

HEAD = tuple(name for name in JOINT if name.startswith(("nose", "mouth")) or name.endswith("ear") or "eye" in name)
"""The landmarks that move rigidly with the head."""

BONES: tuple[tuple[str, str], ...] = tuple(
    bone
    for side in ("left", "right")
    for bone in (
        ("pelvis", f"{side}_hip"),
        (f"{side}_hip", f"{side}_knee"),
        (f"{side}_knee", f"{side}_ankle"),
        (f"{side}_ankle", f"{side}_heel"),
        (f"{side}_ankle", f"{side}_foot_index"),
        ("neck", f"{side}_shoulder"),
        (f"{side}_shoulder", f"{side}_elbow"),
        (f"{side}_elbow", f"{side}_wrist"),
        (f"{side}_wrist", f"{side}_pinky"),
        (f"{side}_wrist", f"{side}_index"),
        (f"{side}_wrist", f"{side}_thumb"),
    )
)
"""The limb bones (parent, child); `pelvis` and `neck` are the middles of the hips and of the shoulders."""

_COVERED = 0.88
"""Share of the standing height between ankle and ear: the crown is 7 % above the ear, the sole 5 % below the ankle."""


def point(landmarks: NDArray, names: Sequence[str]) -> NDArray:
    """The mean of the named landmarks: (..., J, D) → (..., D)."""
    return np.asarray(landmarks[..., [JOINT[name] for name in names], :].mean(axis=-2))


def frame_heights(image: NDArray) -> NDArray:
    """Pixel height of the person in each frame, (T, J, 2) → (T,): the stretched-out length from crown to sole.

    The lengths of head, trunk and the longer leg are added, so bending a knee to the side does not shorten the
    person; foreshortening towards the camera does.
    """
    neck, pelvis = point(image, SHOULDERS), point(image, HIPS)
    trunk = _length(point(image, EARS) - neck) + _length(neck - pelvis)
    legs = [
        _length(image[..., JOINT[f"{side}_hip"], :] - image[..., JOINT[f"{side}_knee"], :])
        + _length(image[..., JOINT[f"{side}_knee"], :] - image[..., JOINT[f"{side}_ankle"], :])
        for side in ("left", "right")
    ]
    return np.asarray((trunk + np.maximum(*legs)) / _COVERED)


def person_height(track: PoseTrack) -> float:
    """The person's robust height in pixels: the 90th percentile over the frames where they are present."""
    heights = frame_heights(track.image[track.present])
    return float(np.percentile(heights, 90)) if len(heights) else float("nan")


def facing(world: NDArray) -> NDArray:
    """Where the person faces, (T, J, 3) → (T,) radians: 0 to the camera, +pi/2 to the right of the image, ±pi away.

    Taken from the left-right axes of shoulders and hips in the horizontal plane.
    """
    axis = sum(
        world[..., JOINT[f"left_{joint}"], :] - world[..., JOINT[f"right_{joint}"], :] for joint in ("shoulder", "hip")
    )
    return np.asarray(np.arctan2(axis[..., 2], axis[..., 0]))


def world_from_image(image: NDArray, depth: NDArray | None = None) -> NDArray[np.float32]:
    """World landmarks guessed from pixels (J, 2) and depths (J,) in the same scale (0 without): (J, 3) metres.

    The person is taken to be `PERSON_METRES` tall as they stand in this frame; NaN points stay NaN.
    """
    image = np.where(np.isnan(image).any(axis=1, keepdims=True), np.nan, image)
    height, origin = float(frame_heights(image)), point(image, HIPS)
    if np.isnan(image).all():
        height = np.nan  # nobody can be measured
    elif np.isnan(height) or np.isnan(origin).any():
        height, origin = float(np.nanmax(image[:, 1]) - np.nanmin(image[:, 1])), np.nanmean(image, axis=0)
    flat = np.zeros((len(image), 1)) if depth is None else depth[:, None]
    return np.asarray(np.hstack([image - origin, flat]) * PERSON_METRES / max(height, 1e-6), np.float32)


def _length(vector: NDArray) -> NDArray:
    return np.asarray(np.linalg.norm(vector, axis=-1))
