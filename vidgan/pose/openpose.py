"""OpenPose's BODY_25 keypoints as BlazePose's 33 landmarks.

Layout: https://github.com/CMU-Perceptual-Computing-Lab/openpose, doc/02_output.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.pose.body import world_from_image
from vidgan.pose.track import JOINT, LANDMARKS, coordinates

BODY_25 = {
    "nose": 0, "right_shoulder": 2, "right_elbow": 3, "right_wrist": 4, "left_shoulder": 5, "left_elbow": 6,
    "left_wrist": 7, "right_hip": 9, "right_knee": 10, "right_ankle": 11, "left_hip": 12, "left_knee": 13,
    "left_ankle": 14, "right_eye_inner": 15, "right_eye": 15, "right_eye_outer": 15, "left_eye_inner": 16,
    "left_eye": 16, "left_eye_outer": 16, "right_ear": 17, "left_ear": 18, "left_foot_index": 19, "left_heel": 21,
    "right_foot_index": 22, "right_heel": 24,
}  # fmt: skip
"""The BODY_25 point that each landmark is taken from; mouth and hands are made from others."""

HAND_21 = {"thumb": 3, "index": 5, "pinky": 17}
"""The points of OpenPose's hand that BlazePose has: thumb's second knuckle, first ones of index and little finger."""


def from_body25(frame: dict[str, Any]) -> list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]:
    """The people of one OpenPose frame as (image (33, 2), world (33, 3), visibility (33,)).

    Points that OpenPose did not find are NaN with visibility 0. The world is flat (z = 0), scaled by the height.
    Raises ValueError where a number is no coordinate.
    """
    people = []
    for person in frame["people"]:
        image, seen = _landmarks(person)
        people.append((image, world_from_image(image), seen))
    return people


def _landmarks(person: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    body = coordinates(person["pose_keypoints_2d"]).reshape(25, 3)
    points = np.zeros((len(LANDMARKS), 3), np.float32)
    for name, index in BODY_25.items():
        points[JOINT[name]] = body[index]
    _add_mouth(points)
    for side in ("left", "right"):
        _add_hand(points, side, person.get(f"hand_{side}_keypoints_2d") or [])
    image = np.where(points[:, 2:] > 0, points[:, :2], np.nan).astype(np.float32)
    return image, np.clip(points[:, 2], 0, 1)


def _add_mouth(points: NDArray[np.float32]) -> None:
    """The mouth lies as far below the nose as half the way from the eyes to it, a little narrower than the eyes."""
    left, right, nose = (points[JOINT[name]] for name in ("left_eye", "right_eye", "nose"))
    middle = nose[:2] + 0.5 * (nose[:2] - (left[:2] + right[:2]) / 2)
    half = 0.4 * (left[:2] - right[:2])
    seen = min(left[2], right[2], nose[2])
    points[JOINT["mouth_left"]] = [*(middle + half), seen]
    points[JOINT["mouth_right"]] = [*(middle - half), seen]


def _add_hand(points: NDArray[np.float32], side: str, hand: list[float]) -> None:
    """From the hand's own points, or as a third of the forearm further on, half as sure."""
    wrist, elbow = points[JOINT[f"{side}_wrist"]], points[JOINT[f"{side}_elbow"]]
    keypoints = coordinates(hand).reshape(-1, 3)
    for finger, index in HAND_21.items():
        if len(keypoints) == 21 and keypoints[index, 2] > 0:
            points[JOINT[f"{side}_{finger}"]] = keypoints[index]
        else:
            guess = wrist[:2] + 0.33 * (wrist[:2] - elbow[:2])
            points[JOINT[f"{side}_{finger}"]] = [*guess, 0.5 * min(wrist[2], elbow[2])]
