"""People made of numbers, for tests of what is measured on poses."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vidgan.pose.track import JOINT, LANDMARKS, PoseTrack

STANDING = {
    "nose": (50, 20), "left_ear": (54, 19), "right_ear": (46, 19),
    "left_shoulder": (60, 40), "right_shoulder": (40, 40),
    "left_hip": (57, 90), "right_hip": (43, 90), "left_knee": (57, 130), "right_knee": (43, 130),
    "left_ankle": (57, 170), "right_ankle": (43, 170),
}  # fmt: skip


def standing_landmarks():
    """(33, 2) pixels of a person in a 100 x 200 frame."""
    image = np.zeros((len(LANDMARKS), 2), np.float32)
    for name, index in JOINT.items():
        side = name.split("_")[0]
        if index < 11:
            image[index] = STANDING.get(name, (50 + (index - 5), 20 + index % 3))
        elif name in STANDING:
            image[index] = STANDING[name]
        elif any(part in name for part in ("heel", "foot")):
            image[index] = np.add(STANDING[f"{side}_ankle"], (0, 6))
        else:
            image[index] = np.add(STANDING[f"{side}_hip"], (8 if side == "left" else -8, 0))
    return image


def standing_track(frames=6, width=100, height=200):
    """A person who stands still, all landmarks visible, at 25 frames/s."""
    scale = np.array([width / 100, height / 200], np.float32)
    return PoseTrack(
        image=np.tile(standing_landmarks() * scale, (frames, 1, 1)),
        world=np.zeros((frames, len(LANDMARKS), 3), np.float32),
        visibility=np.ones((frames, len(LANDMARKS)), np.float32),
        present=np.ones(frames, bool),
        pts=np.arange(frames) * 512,
        time_base=Fraction(1, 12800),
        width=width,
        height=height,
        backend="made",
    )
