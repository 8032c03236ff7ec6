"""From footage to square frames of one size at one rate, streamed.

Legend: H, W are a frame's own size, S the side of the squares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from vidgan.clips.config import ClipConfig
from vidgan.clips.find import Footage
from vidgan.clips.pictures import RGB, Timed, cut_strip, read_picture
from vidgan.errors import MediaError
from vidgan.video.limits import MediaLimits
from vidgan.video.read import ClipReader

_HOLD = 2  # seconds that one frame is repeated at most when a clip is resampled; a longer gap is cut
_ROUNDING = Fraction(1, 500)  # seconds by which containers that count milliseconds may be off, with room


@dataclass
class Reading:
    """What was found out while reading one clip: frames delivered, their times, and what is worth telling."""

    frames: int = 0
    fps: float | None = None
    notes: list[str] = field(default_factory=list)


def read_footage(footage: Footage, config: ClipConfig, limits: MediaLimits, reading: Reading) -> Iterator[RGB]:
    """The frames of a clip as (S, S, 3) squares, at `config.fps` when it is set and the clip has times.

    `reading` is complete when all are read: `fps` is the asked rate or the clip's mean one, None for clips without
    times. Raises MediaError when nothing of the clip can be read.
    """
    timed = _own_frames(footage, config, limits, reading)
    first = last = None
    for rgb, time in resample(timed, config.fps) if config.fps else timed:
        yield fit(rgb, config.size, config.crop)
        first, last = (time if first is None else first), time
        reading.frames += 1
    if first is not None and last is not None and last > first:
        reading.fps = config.fps or float((reading.frames - 1) / (last - first))


def _own_frames(footage: Footage, config: ClipConfig, limits: MediaLimits, reading: Reading) -> Iterator[Timed]:
    if footage.kind == "video":
        return _video(footage.files[0], config, limits, reading)
    if footage.kind == "frames":
        return _frame_folder(footage.files, limits, reading)
    return _picture(footage.files[0], config, limits)


def _video(path: Path | bytes, config: ClipConfig, limits: MediaLimits, reading: Reading) -> Iterator[Timed]:
    assert isinstance(path, Path)
    with ClipReader(path, limits=limits) as clip:
        wanted = -(-2 * config.size * max(clip.width, clip.height) // max(1, min(clip.width, clip.height)))
    wanted = max(16, wanted)
    # Scaling while colours are converted is cheaper; twice the wanted size keeps the last, exact scaling sharp.
    with ClipReader(path, limits=limits, max_side=wanted) as clip:
        for frame in clip:
            yield frame.rgb, frame.time
        reading.notes += [note for note in clip.notes if "damaged" in note or "cut off" in note]
        if clip.info.variable_rate and not config.fps:
            reading.notes.append("its frame rate varies, and its frames are used as they come")


def _picture(file: Path | bytes, config: ClipConfig, limits: MediaLimits) -> Iterator[Timed]:
    """An animation's frames, or a strip's."""
    pictures = read_picture(file, limits)
    first = next(pictures)
    if first[1] is None:
        yield from ((frame, None) for frame in cut_strip(first[0], config.strip))
    else:
        yield from chain([first], pictures)


def _frame_folder(files: Iterable[Path | bytes], limits: MediaLimits, reading: Reading) -> Iterator[Timed]:
    bad: list[str] = []
    good = 0
    for file in files:
        try:
            rgb, _ = next(read_picture(file, limits))
        except MediaError as error:
            bad.append(f"{file.name if isinstance(file, Path) else 'a picture'}: {error}")
            continue
        good += 1
        yield rgb, None
    if bad and not good:
        raise MediaError(f"none of its {len(bad)} pictures can be read ({bad[0]})")
    if bad:
        reading.notes.append(f"{len(bad)} of {good + len(bad)} pictures cannot be read and are left out ({bad[0]})")


def resample(frames: Iterable[Timed], fps: float) -> Iterator[Timed]:
    """The frame that is shown at the first frame's time and every 1 / `fps` seconds after it.

    Times may be rounded to milliseconds, so a frame counts as shown from 2 ms before its own. The last one is shown as
    long as those before it were on average. Frames without times pass.
    """
    step = 1 / Fraction(str(fps))
    early = min(_ROUNDING, step / 4)
    shown: RGB | None = None
    start = last = tick = Fraction(0)
    count = 0
    for rgb, time in frames:
        if time is None:
            yield rgb, None
            continue
        if shown is None:
            start, tick = time, time + step
            yield rgb, time
        else:
            until = min(time - early, last + _HOLD)
            while tick < until:
                yield shown, tick
                tick += step
            if until < time - early:  # the gap is cut: go on with this frame
                tick = max(tick, time)
        shown, last, count = rgb, time, count + 1
    if shown is not None and count > 1:
        mean: Fraction = (last - start) / (count - 1)
        until = last + min(mean, Fraction(_HOLD)) - early
        while tick < until:
            yield shown, tick
            tick += step


def fit(frame: RGB, size: int, crop: str) -> RGB:
    """A frame (H, W, 3) as a square (S, S, 3): its middle (`center`), or all of it between black bars (`none`)."""
    height, width = frame.shape[:2]
    if crop == "center":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return _scaled(frame[top : top + side, left : left + side], size, size)
    scale = size / max(height, width)
    inner = _scaled(frame, max(1, round(height * scale)), max(1, round(width * scale)))
    square = np.zeros((size, size, 3), np.uint8)
    top, left = (size - inner.shape[0]) // 2, (size - inner.shape[1]) // 2
    square[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return square


def _scaled(frame: RGB, height: int, width: int) -> RGB:
    if frame.shape[:2] == (height, width):
        return frame
    smaller = height < frame.shape[0] or width < frame.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(frame), (width, height), interpolation=method)  # type: ignore[return-value]
