"""A person's proportions as a track shows them: the length of each bone as a share of their height.

Legend: T frames, J landmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vidgan.pose.body import EARS, HIPS, PERSON_METRES, SHOULDERS, frame_heights, person_height, point
from vidgan.pose.track import JOINT, PoseTrack

Ends = tuple[tuple[str, ...], tuple[str, ...]]

_EYES, _MOUTH = ("left_eye", "right_eye"), ("mouth_left", "mouth_right")


def _sides(start: str, end: str) -> tuple[Ends, ...]:
    return tuple(((f"{side}_{start}",), (f"{side}_{end}",)) for side in ("left", "right"))


SEGMENTS: dict[str, tuple[Ends, ...]] = {
    "torso": ((HIPS, SHOULDERS),),
    "neck": ((SHOULDERS, EARS),),
    "head": (((EARS[0],), (EARS[1],)), (_EYES, _MOUTH)),
    "shoulders": (((SHOULDERS[0],), (SHOULDERS[1],)),),
    "hips": (((HIPS[0],), (HIPS[1],)),),
    "upper_arm": _sides("shoulder", "elbow"),
    "lower_arm": _sides("elbow", "wrist"),
    "hand": _sides("wrist", "index"),
    "thigh": _sides("hip", "knee"),
    "shin": _sides("knee", "ankle"),
    "foot": _sides("heel", "foot_index"),
}
"""What is measured, between means of landmarks; several pairs are measured each and averaged."""


def proportions(track: PoseTrack, percentile: float = 90, world: float = 0.5) -> dict[str, float]:
    """Each segment's length as a share of the person's height.

    Pictures show a length in full only when it lies across the view, so a high percentile is taken of the pixel lengths
    in frames where both ends are seen. Someone who never stretches an arm sideways still comes out short: the world
    landmarks, which do not depend on the view but lean towards an average body, are mixed in geometrically.

    Args:
        track: the person; only frames where they are present count.
        percentile: of the pixel lengths.
        world: the weight of the world landmarks, 0 to 1.
    """
    track = track[track.present]
    height = person_height(track)
    metres = float(np.median(frame_heights(track.world))) if len(track) else PERSON_METRES
    shares = {}
    for name, pairs in SEGMENTS.items():
        flat = [_seen_length(track, pair, percentile) / height for pair in pairs]
        deep = [float(np.median(_lengths(track.world, pair))) / metres for pair in pairs]
        measured = float(np.mean(flat)), float(np.mean(deep))
        usable = world if measured[1] > 0 else 0.0
        shares[name] = measured[0] ** (1 - usable) * measured[1] ** usable
    return shares


def ratios(driving: PoseTrack, target: PoseTrack, world: float = 0.5, limit: float = 1.5) -> dict[str, float]:
    """How much longer each segment of the target is, for the same height; within 1 / `limit` to `limit`."""
    own, other = proportions(driving, world=world), proportions(target, world=world)
    return {name: float(np.clip(other[name] / max(own[name], 1e-6), 1 / limit, limit)) for name in SEGMENTS}


def _lengths(landmarks: NDArray, pair: Ends) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(point(landmarks, pair[1]) - point(landmarks, pair[0]), axis=-1))


def _seen_length(track: PoseTrack, pair: Ends, percentile: float) -> float:
    """A high percentile of the pixel length over the frames where both ends are seen, or over all if they never are."""
    lengths = _lengths(track.image, pair)
    seen = track.visibility[:, [JOINT[name] for name in (*pair[0], *pair[1])]].min(axis=1) > 0.5
    return float(np.percentile(lengths[seen] if seen.any() else lengths, percentile))
