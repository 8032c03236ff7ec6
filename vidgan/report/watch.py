"""One pass over source and output side by side: everything the report measures and shows, gathered with bounded memory.

Legend: T frames of the output, which are the source's one by one; J landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.flicker import Unsteadiness
from vidgan.metrics.frames import points_box
from vidgan.metrics.identity import head_box
from vidgan.metrics.pose_error import PoseError
from vidgan.metrics.redetect import Redetector, spread_runs
from vidgan.pose.backend import PoseBackend
from vidgan.pose.body import person_height
from vidgan.pose.track import PoseTrack
from vidgan.progress import Progress
from vidgan.report.pictures import Picture, Still, details, fit, pose_picture
from vidgan.video.clip import Frame
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

STATURE = 200
"""Flicker is measured with the person scaled to this many pixels, so that videos of any size compare."""

SOURCE_SIDE = 960
STILL_HEIGHT = 480
HEADS = 40


@dataclass(frozen=True)
class WatchConfig:
    """How much to look at: `frames` for pose and flicker, `stills`, the side-by-side clip's seconds and height."""

    frames: int = 150
    stills: int = 6
    clip_seconds: float = 6.0
    clip_height: int = 320


@dataclass
class Watched:
    """What the pass gathered. `backend` found the poses; heads are RGB crops; `clip` the side-by-side video or None."""

    pose: PoseError | None = None
    backend: str = ""
    output_flicker: Unsteadiness = field(default_factory=Unsteadiness)
    source_flicker: Unsteadiness = field(default_factory=Unsteadiness)
    output_heads: list[Picture] = field(default_factory=list)
    source_heads: list[Picture] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)
    clip: Path | None = None


def scaled_track(track: PoseTrack, width: int, height: int) -> PoseTrack:
    """The track in pixels of frames of another size."""
    factor = np.array([width / track.width, height / track.height], np.float32)
    return replace(track, image=track.image * factor, width=width, height=height)


def watch(
    source: Path,
    output: Path,
    driving: PoseTrack,
    motion: PoseTrack,
    backend: PoseBackend,
    clip: Path,
    config: WatchConfig,
    progress: Progress,
    follow: bool = False,
) -> Watched:
    """Go through source and output once.

    Args:
        source: the driving video.
        output: the finished video.
        driving: the source's track, in the source's pixels.
        motion: the track that the output should show, in any pixels of its frame.
        backend: an opened pose backend.
        clip: where to write the side-by-side video (.mp4).
        config: how much to look at.
        progress: told frame by frame.
        follow: look for the person only where they should be, see `Redetector`.
    """
    watched = Watched(backend=backend.name)
    with ClipReader(source, max_side=SOURCE_SIDE) as left, ClipReader(output) as right:
        driving = scaled_track(driving, left.width, left.height)
        motion = scaled_track(motion, right.width, right.height)
        plan = _Plan.make(driving, motion, config)
        detector = Redetector(backend, motion, follow)
        with _SideBySide(clip, config, right) as film:
            progress.start("report", plan.total)
            for index, (ours, theirs) in enumerate(_pairs(left, right, plan.total)):
                progress.advance()
                if index in plan.checked:
                    _check(watched, detector, plan, index, ours.rgb, theirs.rgb, driving, motion)
                if index in plan.stills:
                    watched.stills.append(_still(index, ours, theirs, motion))
                if index in plan.film:
                    film.add(ours.rgb, motion, index, theirs)
    watched.pose = detector.error() if detector.frames else None
    watched.clip = clip if film.frames else None
    return watched


@dataclass(frozen=True)
class _Plan:
    """Which frames serve for what."""

    total: int
    checked: frozenset[int]
    heads: frozenset[int]
    stills: frozenset[int]
    film: range

    @classmethod
    def make(cls, driving: PoseTrack, motion: PoseTrack, config: WatchConfig) -> _Plan:
        total = min(len(driving), len(motion))
        checked = spread_runs(total, config.frames)
        present = np.flatnonzero(motion.present[:total])
        shown = present if len(present) else np.arange(total)
        stills = shown[np.linspace(0, len(shown) - 1, config.stills + 2).round().astype(int)[1:-1]]
        seconds = (motion.pts[:total] - motion.pts[0]) * float(motion.time_base)
        length = int((seconds < config.clip_seconds).sum())
        first = max(0, (total - length) // 2)
        heads = checked[:: max(1, len(checked) // HEADS)]
        return cls(
            total,
            frozenset(checked.tolist()),
            frozenset(heads.tolist()),
            frozenset(stills.tolist()),
            range(first, first + length),
        )


def _pairs(left: ClipReader, right: ClipReader, total: int) -> Iterator[tuple[Frame, Frame]]:
    for index, pair in enumerate(zip(left, right, strict=False), start=1):
        yield pair
        if index == total:
            return


def _check(
    watched: Watched,
    detector: Redetector,
    plan: _Plan,
    index: int,
    source: Picture,
    output: Picture,
    driving: PoseTrack,
    motion: PoseTrack,
) -> None:
    if index - 1 not in plan.checked:
        watched.output_flicker.cut()
        watched.source_flicker.cut()
    found = detector.add(index, output)
    _add_flicker(watched.output_flicker, output, motion, index)
    _add_flicker(watched.source_flicker, source, driving, index)
    if index in plan.heads:
        if found is not None:
            _add_head(watched.output_heads, output, found)
        _add_head(watched.source_heads, source, driving.image[index])


def _add_flicker(meter: Unsteadiness, frame: Picture, track: PoseTrack, index: int) -> None:
    if not track.present[index]:
        meter.cut()
        return
    scale = min(1.0, STATURE / person_height(track))
    size = max(1, round(track.width * scale)), max(1, round(track.height * scale))
    small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    near = track.image[max(0, index - 1) : index + 1].reshape(-1, 2)  # where the person is or was a frame ago
    meter.update(small, points_box(near * scale, *size).mask(*small.shape[:2]))


def _add_head(heads: list[Picture], frame: Picture, landmarks: NDArray) -> None:
    box = head_box(landmarks, frame.shape[1], frame.shape[0])
    if box is not None:
        heads.append(box.crop(frame).copy())


def _still(index: int, source: Frame, output: Frame, motion: PoseTrack) -> Still:
    landmarks, visibility = motion.image[index], motion.visibility[index]
    return Still(
        seconds=float(output.time),
        source=fit(source.rgb, STILL_HEIGHT),
        pose=pose_picture(landmarks, visibility, motion.width, motion.height, STILL_HEIGHT),
        output=fit(output.rgb, STILL_HEIGHT),
        details=details(output.rgb, landmarks, visibility),
    )


class _SideBySide:
    """Writes source | pose | output as one small video, opened at its first frame."""

    def __init__(self, path: Path, config: WatchConfig, output: ClipReader) -> None:
        self._path, self._height, self._info = path, config.clip_height // 2 * 2, output.info
        self._writer: ClipWriter | None = None

    def __enter__(self) -> _SideBySide:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._writer is not None:
            self._writer.close() if kind is None else self._writer.abort()

    @property
    def frames(self) -> int:
        return self._writer.frames if self._writer else 0

    def add(self, source: Picture, motion: PoseTrack, index: int, output: Frame) -> None:
        pose = pose_picture(motion.image[index], motion.visibility[index], motion.width, motion.height, self._height)
        panels = np.hstack([fit(source, self._height), pose, fit(output.rgb, self._height)])
        if self._writer is None:
            self._start = output.time
            height, width = panels.shape[:2]
            self._writer = ClipWriter(
                self._path, width, height, self._info.rate, crf=27, time_base=self._info.time_base
            )
        self._writer.write(panels, output.time - self._start)
