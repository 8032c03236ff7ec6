"""Everything that is known of a media file, as plain values for `vidgan inspect`."""

from __future__ import annotations

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidgan.video.audio import av_offset
from vidgan.video.limits import MediaLimits
from vidgan.video.read import ClipReader


def inspect(path: Path, *, count: bool = False, limits: MediaLimits | None = None) -> dict[str, Any]:
    """The facts of a file and what reading it will do to its frames, JSON-able: rationals are strings ("30000/1001").

    With `count` the file is read through, which is the only way to know its number of frames (`frames_read`), its true
    length (`last_time`, seconds) and whether it is cut off (`notes`).

    Raises:
        MediaError: the file is missing, damaged, or of an unknown codec.
        NoVideoError: there is no video in it.
        LimitError: it is larger than `limits` allow.
    """
    with ClipReader(Path(path), limits=limits) as clip:
        facts: dict[str, Any] = {key: _plain(value) for key, value in asdict(clip.info).items()}
        facts["frame_width"], facts["frame_height"] = clip.width, clip.height
        facts["av_offset"] = _plain(None if clip.info.audio is None else av_offset(Path(path), limits))
        if count:
            facts.update(_read_through(clip))
        facts["notes"] = clip.notes
    return facts


def _read_through(clip: ClipReader) -> dict[str, Any]:
    frames, last = 0, Fraction(0)
    for frame in clip:
        frames, last = frames + 1, frame.time
    return {"frames_read": frames, "last_time": str(last)}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
