"""From raw per-frame landmarks to a track: swaps and spikes repaired, gaps filled, smoothed, and what was done counted.

Legend: T frames, J = 33 landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.pose.body import PERSON_METRES, person_height
from vidgan.pose.repair import GROUPS, exchange, fill_gaps, find_spikes, find_swaps, ranges
from vidgan.pose.smooth import SmoothConfig, smooth
from vidgan.pose.track import PoseTrack


class FinishConfig(Config):
    """How raw landmarks become a track. `max_gap` is in seconds; longer gaps stay without a person."""

    max_gap: float = Field(default=0.5, ge=0)
    repair: bool = True
    smoothing: SmoothConfig = SmoothConfig()


class Timed(Protocol):
    """What gaps are told of: a track of any kind. present: (T,) bool; pts: (T,) in units of `time_base` seconds."""

    @property
    def present(self) -> NDArray[np.bool_]:
        """The frames that have somebody."""

    @property
    def pts(self) -> NDArray[np.int64]:
        """The frames' times."""

    @property
    def time_base(self) -> Fraction:
        """Their unit in seconds."""


@dataclass(frozen=True)
class RawPoses:
    """What a backend found, NaN in frames where it found nobody; shapes as in `PoseTrack`."""

    image: NDArray[np.float32]
    world: NDArray[np.float32]
    visibility: NDArray[np.float32]
    pts: NDArray[np.int64]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(T,) the frames with a person."""
        return np.asarray(~np.isnan(self.image[:, :, 0]).all(axis=1))


def finish(
    raw: RawPoses, time_base: Fraction, width: int, height: int, backend: str, config: FinishConfig
) -> PoseTrack:
    """The finished track. Its `facts`: frames, found, filled, missing, swaps_repaired, spikes_repaired.

    `filled` and `missing` are lists of (first, last) frame indices; filled frames carry interpolated landmarks.
    """
    found = raw.found
    raw = _completed(raw)
    track = PoseTrack(
        raw.image, raw.world, raw.visibility, found, raw.pts, time_base, width, height, backend, {"frames": len(found)}
    )
    facts: dict[str, Any] = {"frames": len(found), "found": int(found.sum()), "swaps_repaired": 0, "spikes_repaired": 0}
    if found.any():
        if config.repair:
            track, repaired = _repaired(track)
            facts |= repaired
        track = _filled(track, config.max_gap)
        if not config.smoothing.off:
            track = _smoothed(track, config.smoothing)
    facts["filled"] = ranges(track.present & ~found)
    facts["missing"] = ranges(~track.present)
    return replace(track, facts=facts)


def describe_missing(track: Timed, what: str = "person", limit: int = 5) -> str | None:
    """One line on the frames without a person, with their times in seconds from the start; None when there are none."""
    missing = ranges(~track.present)
    if not missing:
        return None
    seconds = seconds_of(track)
    spans = [f"{seconds[first]:.2f}-{seconds[last]:.2f} s" for first, last in missing[:limit]]
    more = f" and {len(missing) - limit} more" if len(missing) > limit else ""
    return f"no {what} in {int((~track.present).sum())} of {len(track.present)} frames: {', '.join(spans)}{more}"


def _completed(raw: RawPoses) -> RawPoses:
    """Single landmarks that are missing while others are there (OpenPose): from the times they are known, unseen.

    One that is never known lies in the middle of the others.
    """
    here, lost = raw.found, np.isnan(raw.image).any(axis=-1)
    if not lost[here].any():
        return raw
    image, world, visibility = raw.image.copy(), raw.world.copy(), raw.visibility.copy()
    visibility[here] = np.where(lost[here], 0, visibility[here])
    for joint in np.flatnonzero(lost[here].any(axis=0)):
        frames, known = here & lost[:, joint], np.flatnonzero(here & ~lost[:, joint])
        for values in (image, world):
            if not len(known):
                values[frames, joint] = np.nanmean(values[frames], axis=1)
                continue
            for axis in range(values.shape[-1]):
                values[frames, joint, axis] = np.interp(raw.pts[frames], raw.pts[known], values[known, joint, axis])
    return replace(raw, image=image, world=world, visibility=visibility)


def seconds_of(track: Timed) -> NDArray[np.float64]:
    """The time of every frame from the first one's, (T,)."""
    return np.asarray((track.pts - track.pts[:1]) * float(track.time_base), np.float64)


def unswapped(track: PoseTrack, height: float) -> tuple[PoseTrack, NDArray[np.bool_]]:
    """The track of a person of so many pixels with left and right exchanged back, and where they were: (T, 2)."""
    image, world, visibility = track.image, track.world, track.visibility
    swapped = find_swaps(image / height, world, seconds_of(track))
    for frames, group in zip(swapped.T, GROUPS, strict=True):
        image, world, visibility = (exchange(values, frames, group) for values in (image, world, visibility))
    return replace(track, image=image, world=world, visibility=visibility), swapped


def _repaired(track: PoseTrack) -> tuple[PoseTrack, dict[str, int]]:
    seconds, height = seconds_of(track), person_height(track)
    track, swapped = unswapped(track, height)
    image, world, visibility = track.image, track.world, track.visibility
    spikes = find_spikes(image / height, seconds)
    for landmark in np.flatnonzero(spikes.any(axis=0)):
        known = track.present & ~spikes[:, landmark]
        for values in (image, world):
            values[:, landmark] = fill_gaps(values[:, landmark], seconds, known, np.inf)
            values[~track.present, landmark] = np.nan
    facts = {"swaps_repaired": int(swapped.any(axis=1).sum()), "spikes_repaired": int(spikes.sum())}
    return replace(track, image=image, world=world, visibility=visibility), facts


def _filled(track: PoseTrack, max_gap: float) -> PoseTrack:
    seconds = seconds_of(track)
    image, world, visibility = (
        fill_gaps(values, seconds, track.present, max_gap).astype(np.float32)
        for values in (track.image, track.world, track.visibility)
    )
    return replace(track, image=image, world=world, visibility=visibility, present=~np.isnan(image[:, 0, 0]))


def _smoothed(track: PoseTrack, config: SmoothConfig) -> PoseTrack:
    """Image and world smoothed in person heights."""
    seconds, height = seconds_of(track), person_height(track)
    image, world, visibility = (
        smooth_runs(values, unit, track.present, seconds, config)
        for values, unit in ((track.image, height), (track.world, PERSON_METRES), (track.visibility, 1.0))
    )
    return replace(track, image=image, world=world, visibility=np.clip(visibility, 0, 1))


def smooth_runs(
    values: NDArray[np.float32],
    unit: float,
    present: NDArray[np.bool_],
    seconds: NDArray[np.float64],
    config: SmoothConfig,
) -> NDArray[np.float32]:
    """Smooth each stretch that is present by itself, in units of `unit`: (T, ...)."""
    smoothed = values.copy()
    for first, last in ranges(present):
        run = slice(first, last + 1)
        smoothed[run] = smooth(values[run] / unit, seconds[run], config) * unit
    return smoothed
