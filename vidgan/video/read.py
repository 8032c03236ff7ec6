"""Frames as displayed, one after the other: turned, deinterlaced, in BT.709 RGB, never the whole clip in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self
from weakref import WeakSet

from vidgan.errors import DeviceError
from vidgan.video.clip import ClipInfo, Frame
from vidgan.video.frames import read_frames
from vidgan.video.limits import MediaLimits, current_limits
from vidgan.video.probe import Examined, examine

MAX_SIDE = 3840
"""Pixels of the longer side of a delivered frame; larger ones are scaled down."""


class ClipReader:
    """The frames of a video file or still picture, streamed with bounded memory.

    Every iteration starts afresh at the first frame. `info` holds the file's facts, `width` and `height` the size of
    the frames delivered, `notes` what was done to them (scaled, turned, cut short), complete once read through.

        with ClipReader(path, max_side=720) as clip:
            for frame in clip:
                use(frame.rgb, frame.time)

    Raises:
        MediaError: the file is missing, damaged beyond use or of an unknown codec.
        NoVideoError: there is no video in it.
        LimitError: it is larger than `limits` allow.
        DeviceError: `device` is not one of cpu, cuda, cuda:N.
    """

    def __init__(
        self, path: Path, *, max_side: int | None = None, device: str = "cpu", limits: MediaLimits | None = None
    ) -> None:
        """Examine the file. `max_side` bounds the frames' longer side in pixels; `device` may be cuda for NVDEC."""
        self._limits = limits or current_limits()
        self._examined: Examined = examine(Path(path), self._limits)
        self._max_side = min(max_side or MAX_SIDE, MAX_SIDE)
        self._cuda = _cuda_index(device)
        self._open: WeakSet[Iterator[Frame]] = WeakSet()  # what nobody reads on lets go of its decoder at once
        self.info: ClipInfo = self._examined.info
        self.width, self.height = self._examined.geometry.displayed(self._max_side)
        self.notes: list[str] = []
        self._describe()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all iterations and let go of the file."""
        for frames in list(self._open):
            frames.close()  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Frames from number `start` (counted from 0) on; those before it are decoded, which is exact, and dropped.

        Raises:
            MediaError: while reading, when not one frame can be decoded.
        """
        frames = self._read(start)
        self._open.add(frames)
        return frames

    def _read(self, start: int) -> Iterator[Frame]:
        """The notes of a pass follow those on the file itself."""
        found = read_frames(self._examined, start, self._max_side, self._cuda, self._limits)
        with closing(found):
            for rgb, (pts, notes) in found:
                for note in notes:
                    self._note(note)
                if rgb.size:
                    yield Frame(rgb, pts, self.info.time_base)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _describe(self) -> None:
        info, orientation = self.info, self._examined.geometry.orientation
        if not orientation.identity:
            turn = f"turned by {orientation.rotation} degrees" if orientation.rotation else ""
            mirror = "mirrored" if orientation.mirrored else ""
            self._note(f"{' and '.join(filter(None, (turn, mirror)))} as its metadata asks")
        if not orientation.exact:
            self._note("the turn in its metadata is no right angle: the nearest one was taken")
        if self._examined.geometry.aspect != 1:
            self._note(f"pixels of {self._examined.geometry.aspect} aspect were made square")
        if (self.width, self.height) != (info.width, info.height):
            self._note(f"scaled down from {info.width}x{info.height} to {self.width}x{self.height}")
        colour = self._examined.colour
        if colour.hdr:
            self._note(f"tone-mapped from {colour.transfer.upper()} to BT.709 (BT.2390 curve, white at 203 nits)")
        elif colour.wide_gamut:
            self._note("colours brought from BT.2020 into BT.709")
        if info.interlaced:
            self._note("deinterlaced with bwdif")
        if self._examined.streams > 1:
            self._note(f"the largest of {self._examined.streams} video streams was read")


def _cuda_index(device: str) -> int | None:
    if device in ("cpu", "auto"):
        return None
    kind, _, index = device.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise DeviceError(f"device {device!r} is unknown: use cpu, cuda or cuda:N")
    return int(index or 0)
