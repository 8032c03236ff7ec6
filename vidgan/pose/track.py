"""A track: one person's pose over time, the form in which every later step takes motion.

Legend: T frames, J = 33 landmarks in BlazePose order (`LANDMARKS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vidgan.track import Track

LANDMARKS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""Landmark names, left and right as the person's own."""

JOINT = {name: index for index, name in enumerate(LANDMARKS)}

_FARTHEST = 1e6
"""Pixels or metres: what lies farther away is no landmark, and its squares overflow."""


def coordinates(values: Any) -> NDArray[np.float32]:
    """Numbers of somebody else's file as an array; NaN, for what is missing, stays.

    Raises:
        ValueError: one of them is infinite or beyond a million.
    """
    found = np.array(values, np.float64)
    if (np.abs(found) > _FARTHEST).any():
        raise ValueError(f"a coordinate is {np.nanmax(np.abs(found)):g}")
    return found.astype(np.float32)


@dataclass(frozen=True)
class PoseTrack(Track):
    """One person's landmarks over time.

    image: (T, J, 2) float32, pixels of the `width` x `height` frame, x right and y down, pixel centres at +0.5;
    world: (T, J, 3) float32, metres about the mid-hip, x right, y down, z away from the camera;
    visibility: (T, J) float32 in [0, 1]; present: (T,) bool, False where no person was found and none was filled in
    (the landmarks there are NaN); pts: (T,) int64 in units of `time_base` seconds.
    `backend` names what made it; `facts` holds JSON-able notes (gaps filled, swaps repaired, ...).
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("image", "world", "visibility", "present", "pts")

    image: NDArray[np.float32]
    world: NDArray[np.float32]
    visibility: NDArray[np.float32]
    present: NDArray[np.bool_]
    pts: NDArray[np.int64]
    time_base: Fraction
    width: int
    height: int
    backend: str
    facts: dict[str, Any] = field(default_factory=dict)
