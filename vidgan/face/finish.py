"""From raw per-frame meshes to a track: short gaps filled, smoothed, and what was done counted.

Legend: T frames, J = 478 landmarks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face.head import head_pose
from vidgan.face.shots import shots_of
from vidgan.face.track import FaceTrack
from vidgan.pose.finish import smooth_runs
from vidgan.pose.repair import fill_gaps, ranges
from vidgan.pose.smooth import SmoothConfig


class FaceFinishConfig(Config):
    """How raw meshes become a track. `max_gap` is in seconds; longer gaps stay without a face.

    The smoothing is the one-euro filter run both ways, in units of the distance between the outer eye corners; its
    defaults keep blinks and fast speech and still the trembling at rest.
    """

    max_gap: float = Field(default=0.25, ge=0)
    smoothing: SmoothConfig = SmoothConfig(noise=0, min_cutoff=5.5, beta=100.0, slow=0, speed_cutoff=10.0)


def finish(
    raw: dict[str, NDArray], time_base: Fraction, width: int, height: int, backend: str, config: FaceFinishConfig,
    cuts: Sequence[int] = (),
) -> FaceTrack:  # fmt: skip
    """The finished track of raw `image`, `depth` (NaN without a face) and `pts`; shapes as in `FaceTrack`.

    `cuts` are the frames that begin a new shot: nothing is filled or smoothed across them. Its `facts`: frames, found,
    filled and missing, the latter two as lists of (first, last) frame indices.
    """
    found = np.asarray(np.isfinite(raw["image"]).all((1, 2)))
    image, depth = (np.array(raw[name], np.float32) for name in ("image", "depth"))
    track = FaceTrack(image, depth, found.copy(), raw["pts"].copy(), time_base, width, height, backend)
    for shot in shots_of(len(found), cuts):
        if found[shot].any():
            part = _finished(track[shot], config)
            for name, values in part.arrays().items():
                getattr(track, name)[shot] = values
    facts = {
        "frames": len(found),
        "found": int(found.sum()),
        "filled": ranges(track.present & ~found),
        "missing": ranges(~track.present),
    }
    return replace(track, facts=facts)


def _finished(track: FaceTrack, config: FaceFinishConfig) -> FaceTrack:
    """One shot, filled and smoothed."""
    seconds, found = track.seconds, track.present
    image, depth = (
        fill_gaps(values, seconds, found, config.max_gap).astype(np.float32) for values in (track.image, track.depth)
    )
    track = replace(track, image=image, depth=depth, present=np.isfinite(image[:, 0, 0]))
    if config.smoothing.off:
        return track
    unit = float(np.nanmedian(head_pose(track).scale))
    image, depth = (
        smooth_runs(values, unit, track.present, seconds, config.smoothing) for values in (track.image, track.depth)
    )
    return replace(track, image=image, depth=depth)
