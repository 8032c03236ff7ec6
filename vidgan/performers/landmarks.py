"""The exact places of the 33 BlazePose landmarks on a performer.

Each landmark is a weighted sum of body vertices, found on the reference person: Anny's COCO regressors for the large
joints, the nearest vertices for face, hands and toes. A constant offset per landmark, measured once against MediaPipe
0.10.21 on rendered dances, moves the anatomical point to where BlazePose's annotators put it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vidgan.performers import chart
from vidgan.performers.body import Body, keypoints, skeleton
from vidgan.pose.track import LANDMARKS

Array = NDArray[np.float32]

COCO = {"nose": "nose", "shoulder": "shoulder", "elbow": "elbow", "wrist": "wrist", "hip": "hip", "knee": "knee",
        "ankle": "ankle", "heel": "heel", "foot_index": "big_toe", "ear": "ear"}  # fmt: skip
SPOTS = {"eye_inner": (0.0165, -0.122, 0.645), "eye": (0.030, -0.126, 0.647), "eye_outer": (0.0425, -0.112, 0.646),
         "mouth": (0.0235, -0.115, 0.578)}  # fmt: skip
"""Places on the reference person's left side."""
BONES = {"pinky": "finger5-1", "index": "finger2-1", "thumb": "finger1-2"}
ANCHORS = {
    "shoulder": "upperarm01", "hip": "root", "elbow": "lowerarm01", "wrist": "wrist", "knee": "lowerleg01",
    "ankle": "foot", "heel": "foot", "foot_index": "foot", "pinky": "wrist", "index": "wrist", "thumb": "wrist",
}  # fmt: skip
"""The bone whose turns carry a landmark's offset; the head for the rest."""
OFFSETS: Mapping[str, tuple[float, float, float]] = {
    "nose": (0.0, 0.006, 0.008), "eye_inner": (0.001, 0.007, 0.015), "eye": (-0.001, 0.015, 0.011),
    "eye_outer": (-0.001, 0.009, 0.013), "ear": (-0.017, -0.016, 0.019), "mouth": (-0.005, -0.003, 0.016),
    "shoulder": (0.005, 0.006, -0.005), "elbow": (0.0, 0.005, 0.010), "wrist": (0.008, -0.006, -0.004),
    "pinky": (-0.026, -0.008, 0.014), "index": (-0.014, 0.027, -0.003), "thumb": (0.024, 0.003, -0.011),
    "hip": (0.0, -0.002, 0.016), "knee": (-0.006, -0.003, 0.009), "ankle": (0.0, -0.010, -0.012),
    "heel": (-0.016, 0.006, -0.002), "foot_index": (0.012, 0.022, -0.005),
}  # fmt: skip
"""Metres on a person of 1.7 m in the reference pose, left side, by landmark; the right side mirrors them."""


def _side(name: str) -> tuple[str, float]:
    """A landmark's name without its side, and 1 for left, -1 for right, 0 for neither."""
    for word, sign in (("left", 1.0), ("right", -1.0)):
        if name.startswith(f"{word}_") or name.endswith(f"_{word}"):
            return name.replace(f"{word}_", "").replace(f"_{word}", ""), sign
    return name, 0.0


@functools.cache
def regressor() -> Array:
    """Weights (33, V) over body vertices."""
    known = keypoints()
    reference = chart.reference()
    weights = np.zeros((len(LANDMARKS), len(reference.reference)), np.float32)
    for row, landmark in enumerate(LANDMARKS):
        part, sign = _side(landmark)
        word = "left" if sign > 0 else "right"
        if part in COCO:
            weights[row] = known[COCO[part] if sign == 0 else f"{word}_{COCO[part]}"]
        elif part in SPOTS:
            place = np.array(SPOTS[part]) * [sign, 1, 1]
            weights[row, chart.nearest_skin(place, 3)] = 1 / 3
    return weights


class LandmarkMap:
    """Exact landmarks of one body: bone maps in, places out."""

    def __init__(self, body: Body) -> None:
        rig, weights = skeleton(), regressor()
        places = np.concatenate([body.reference, np.ones((len(body.reference), 1), np.float32)], -1)
        self._terms = np.einsum("lv,vb,vi->lbi", weights, rig.weights, places, optimize=True)
        for row, landmark in enumerate(LANDMARKS):
            part, sign = _side(landmark)
            mark = "L" if sign > 0 else "R"
            if part in BONES:
                bone = rig.index[f"{BONES[part]}.{mark}"]
                self._terms[row, rig.index[f"wrist.{mark}"]] += [*body.joints[bone], 1]
            anchor = ANCHORS.get(part, "head")
            number = rig.index[anchor if anchor in ("head", "root") else f"{anchor}.{mark}"]
            self._terms[row, number, :3] += (
                np.array(OFFSETS.get(part, (0, 0, 0))) * [sign or 1, 1, 1] * body.height / 1.7
            )

    def __call__(self, maps: Array, root: NDArray[np.floating]) -> Array:
        """Landmarks (33, 3) in the room under bone `maps` (B, 4, 4) with the root at `root` (3,)."""
        return (np.einsum("lbj,bij->li", self._terms, maps[:, :3]) + np.asarray(root, np.float32)).astype(np.float32)
