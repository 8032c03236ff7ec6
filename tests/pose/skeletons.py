"""Stick figures with known proportions that move in known ways."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vidgan.pose.track import JOINT, LANDMARKS, PoseTrack

SHARES = {
    "torso": 0.30, "neck": 0.11, "head": 0.04, "shoulders": 0.22, "hips": 0.14, "upper_arm": 0.16, "lower_arm": 0.14,
    "hand": 0.06, "thigh": 0.24, "shin": 0.23, "foot": 0.10,
}  # fmt: skip
"""Lengths as shares of the height; torso, neck, thigh and shin add up to the 0.88 between ear and ankle."""


def figure(height=400.0, place=(320.0, 450.0), arms=(0.3, 0.3), knees=(0.0, 0.0), lift=0.0, shares=SHARES):
    """Landmarks (33, 2) of somebody seen from the front, standing at `place` (feet), y down.

    `arms` are the angles from hanging down (left, right), `knees` the sideways angles of the thighs with the shins
    straight down, `lift` raises everything in pixels.
    """
    size = {name: share * height for name, share in shares.items()}
    spots = np.zeros((len(LANDMARKS), 2))

    def put(name, origin, offset):
        spots[JOINT[name]] = np.asarray(origin) + np.asarray(offset)
        return spots[JOINT[name]]

    neck, skull = np.array([0.0, -size["torso"]]), np.array([0.0, -size["torso"] - size["neck"]])
    for name in ("nose", "mouth_left", "mouth_right", "left_eye", "right_eye", "left_ear", "right_ear"):
        side = 1 if "left" in name else -1 if "right" in name else 0
        drop = {"nose": 0.3, "mouth": 0.7}.get(name.split("_")[0], 0.0 if "ear" in name else -0.3)
        put(name, skull, [side * size["head"] * (1 if "ear" in name else 0.5), drop * size["head"]])
    for side in ("left", "right"):
        for part in ("inner", "outer"):
            put(f"{side}_eye_{part}", spots[JOINT[f"{side}_eye"]], [0, 0])
    for index, (side, sign) in enumerate((("left", 1), ("right", -1))):
        along = np.array([sign * np.sin(arms[index]), np.cos(arms[index])])
        shoulder = put(f"{side}_shoulder", neck, [sign * size["shoulders"] / 2, 0])
        elbow = put(f"{side}_elbow", shoulder, size["upper_arm"] * along)
        wrist = put(f"{side}_wrist", elbow, size["lower_arm"] * along)
        for finger in ("pinky", "index", "thumb"):
            put(f"{side}_{finger}", wrist, size["hand"] * along)
        hip = put(f"{side}_hip", [0, 0], [sign * size["hips"] / 2, 0])
        knee = put(f"{side}_knee", hip, size["thigh"] * np.array([sign * np.sin(knees[index]), np.cos(knees[index])]))
        ankle = put(f"{side}_ankle", knee, [0, size["shin"]])
        put(f"{side}_heel", ankle, [-sign * 0.3 * size["foot"], 0.02 * height])
        put(f"{side}_foot_index", ankle, [sign * 0.7 * size["foot"], 0.02 * height])
    bottom = max(spots[JOINT[f"{side}_heel"], 1] for side in ("left", "right"))
    return spots + np.array([place[0], place[1] - bottom - lift])


def track_of(frames, fps=25, size=(640, 480), world=None, pts=None):
    """A track of those landmarks (T, 33, 2); the world is the picture, flat, 1.7 m tall at 400 pixels."""
    image = np.asarray(frames, np.float32)
    flat = np.concatenate([image - image[:, 23:25].mean(axis=1, keepdims=True), np.zeros_like(image[..., :1])], axis=-1)
    count = len(image)
    return PoseTrack(
        image=image,
        world=np.asarray(flat * 1.7 / 400 if world is None else world, np.float32),
        visibility=np.ones(image.shape[:2], np.float32),
        present=~np.isnan(image[:, 0, 0]),
        pts=np.arange(count, dtype=np.int64) if pts is None else np.asarray(pts, np.int64),
        time_base=Fraction(1, fps),
        width=size[0],
        height=size[1],
        backend="figure",
    )


def dance(count=75, fps=25, height=400.0, place=(320.0, 450.0), shares=SHARES, size=(640, 480), step=0.1, jump=0.0):
    """Arms swing up and down, thighs open and close, the whole person steps from side to side and jumps."""
    frames = []
    for t in np.arange(count) / fps:
        swing = 1.2 + np.sin(2 * np.pi * 0.8 * t)
        bend = 0.15 * (1 + np.sin(2 * np.pi * 0.5 * t))
        at = (place[0] + step * height * np.sin(2 * np.pi * 0.25 * t), place[1])
        up = jump * height * max(0.0, np.sin(2 * np.pi * 1.0 * t))
        frames.append(figure(height, at, (swing, 2.0 - 0.7 * swing), (bend, bend), up, shares))
    return track_of(frames, fps, size)


def mirrored(image, frames, landmarks=slice(None)):
    """The landmarks with left and right exchanged in those frames, as a model that mistakes front for back gives."""
    other = [JOINT[n.replace("left", "#").replace("right", "left").replace("#", "right")] for n in LANDMARKS]
    swapped = np.array(image)
    for frame in frames:
        swapped[frame, landmarks] = np.asarray(image)[frame, other][landmarks]
    return swapped


def folded(points, to):
    """The poses (..., 33, 2) with the left forearm laid across the places `to` (..., 2), the hand at its end."""
    moved, across = np.array(points), np.array([0.05, 0], np.float32)
    moved[..., JOINT["left_elbow"], :] = to + across
    for name in ("wrist", "index", "pinky", "thumb"):
        moved[..., JOINT[f"left_{name}"], :] = to - across
    return moved
