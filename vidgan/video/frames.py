"""Decoding a clip: from its packets to frames as displayed, one after the other.

Legend: H, W are the displayed size, rotation and pixel aspect applied.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import cast

import cv2
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgan.errors import MediaError
from vidgan.video.clip import ClipInfo
from vidgan.video.decode import Damage, decode, deinterlace, set_threads
from vidgan.video.hdr import LUT_FORMAT, ToneMapper
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter
from vidgan.video.matroska import missing_bytes
from vidgan.video.probe import Examined
from vidgan.video.pyav import Orientation, open_media, reason, video_stream

_HARDWARE_FORMATS = ("nv12", "p010le", "p016le", "nv16", "p210le", "yuv444p16le", "cuda")


@isolated
def read_frames(
    examined: Examined, start: int, max_side: int, cuda: int | None, limits: MediaLimits
) -> Generator[tuple[NDArray[np.uint8], tuple[int, list[str]]]]:
    """Frames of a file from number `start` on: each (H, W, 3) with its `pts` and all notes so far.

    After the last frame comes an empty one (0, 0, 3) with the notes that only the end allows. Those before `start`
    are decoded and dropped. `cuda` is the number of the GPU that decodes, None for the CPU.

    Raises:
        MediaError: not one frame can be decoded; LimitError: there is more than `limits` allow.
    """
    reading = _Reading(examined, max_side, cuda, limits)
    for rgb, pts in reading.frames(start):
        yield rgb, (pts, reading.notes)
    yield np.zeros((0, 0, 3), np.uint8), (0, reading.notes)


class _Reading:
    """One pass through a file."""

    def __init__(self, examined: Examined, max_side: int, cuda: int | None, limits: MediaLimits) -> None:
        self._examined, self._max_side, self._device, self._limits = examined, max_side, cuda, limits
        self.info: ClipInfo = examined.info
        self.notes: list[str] = []

    def frames(self, start: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
        """Displayed frames with their timestamps."""
        damage = Damage()
        count = 0
        with self._opened() as container:
            stream = video_stream(container, self.info.path, self._limits)
            set_threads(stream)
            convert = Converter(self._examined, self._max_side)
            timed = self._timed(self._decoded(container, stream, damage))
            for frame, pts in timed:
                if count >= start:
                    yield convert(frame), pts
                count += 1
            self._report(damage, count, _promised(stream, self.info))

    def _decoded(self, container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[VideoFrame]:
        frames = decode(container, stream, damage, Meter(self.info.path, self._limits))
        for frame in islice(frames, 1):
            self._describe_decoder(frame)
            frames = _chain(frame, frames)
        return deinterlace(frames, self.info.time_base)

    def _timed(self, frames: Iterator[VideoFrame]) -> Iterator[tuple[VideoFrame, int]]:
        """Frames with strictly rising timestamps: missing ones continued at the clip's rate, others lifted."""
        step = max(1, round(1 / (self.info.rate * self.info.time_base)))
        avi = self.info.container == "avi"  # stores decoding times alone, from which FFmpeg guesses wrong ones
        delay = 0
        last: int | None = None
        for frame in frames:
            if avi and last is None:
                delay = frame.dts or 0
            pts = frame.dts if avi or frame.pts is None else frame.pts
            pts = pts - delay if pts is not None else 0 if last is None else last + step
            if last is not None and pts <= last:
                pts = last + 1
                self._note("timestamps that did not rise were moved by a tick")
            last = pts
            yield frame, pts

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        with ExitStack() as stack:
            container = None
            if self._device is not None:
                hardware = HWAccel("cuda", device=str(self._device), allow_software_fallback=True)
                try:
                    container = stack.enter_context(open_media(self.info.path, self._limits, hardware))
                except MediaError as error:  # without the hardware this very file opened before
                    self._note(f"decoded in software: NVDEC does not open here ({reason(error.__cause__ or error)})")
                    self._device = None
            yield container or stack.enter_context(open_media(self.info.path, self._limits))

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _describe_decoder(self, frame: VideoFrame) -> None:
        if self._device is None:
            return
        if frame.format.name in _HARDWARE_FORMATS:
            self._note(f"decoded by NVDEC on cuda:{self._device}")
        else:
            self._note(f"decoded in software: NVDEC does not take {self.info.codec} {self.info.pixel_format} here")

    def _report(self, damage: Damage, count: int, promised: int) -> None:
        if count == 0:
            raise MediaError(f"{self.info.path}: not one frame of it can be decoded; record or convert it again")
        if damage.bad:
            self._note(f"{damage.bad} damaged packets were skipped")
        short = damage.packets < promised
        if damage.stopped or short or self._cut_matroska():
            why = f" ({damage.stopped})" if damage.stopped else ""
            of = f" of {promised}" if short else ""
            self._note(f"the file is cut off after frame {count}{of}: the part before it was used{why}")

    def _cut_matroska(self) -> bool:
        return self.info.container.startswith("matroska") and missing_bytes(self.info.path) > 0


_EXACT = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""FFmpeg's fast ways to RGB, one for each pixel format, are up to 2 grey levels too dark."""


class Converter:
    """From decoded frames to displayed RGB (H, W, 3) uint8; keeps its scaler between frames."""

    def __init__(self, examined: Examined, max_side: int | None) -> None:
        self._colour = examined.colour
        self._orientation = examined.geometry.orientation
        self._size = examined.geometry.fitted(max_side)
        smaller = self._size[0] < examined.geometry.width or self._size[1] < examined.geometry.height
        self._interpolation = (Interpolation.AREA if smaller else Interpolation.BILINEAR) | _EXACT
        self._scaler = VideoReformatter()
        self._packer = VideoReformatter()
        self._tone_map = None
        if self._colour.hdr or self._colour.wide_gamut:
            self._tone_map = ToneMapper(*self._size, self._colour.transfer)

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Scale, convert and turn one frame."""
        rgb = self._scaler.reformat(
            frame,
            width=self._size[0],
            height=self._size[1],
            format="rgb24" if self._tone_map is None else LUT_FORMAT,
            src_colorspace=self._colour.sws_matrix,
            src_color_range=self._colour.sws_range,
            dst_color_range=ColorRange.JPEG,
            interpolation=self._interpolation,
            threads=1,
        )
        if self._tone_map is not None:
            rgb = self._packer.reformat(self._tone_map(rgb), format="rgb24", threads=1)
        return turn(cast(NDArray[np.uint8], rgb.to_ndarray()), self._orientation)


def turn(image: NDArray[np.uint8], orientation: Orientation) -> NDArray[np.uint8]:
    """Apply an orientation to an (H, W, 3) image; the result owns its memory when anything was done."""
    if orientation.transpose:
        image = cv2.transpose(image)  # type: ignore[assignment]
    if orientation.flip_x and orientation.flip_y:
        return cv2.flip(image, -1)  # type: ignore[return-value]
    if orientation.flip_x:
        return cv2.flip(image, 1)  # type: ignore[return-value]
    if orientation.flip_y:
        return cv2.flip(image, 0)  # type: ignore[return-value]
    return image


def _chain(first: VideoFrame, rest: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from rest


def _promised(stream: VideoStream, info: ClipInfo) -> int:
    """The packets that the container's header promises; 0 when it does not say, or when they are all in the file.

    Edit lists make FFmpeg leave out packets, so in MP4 fewer than promised are only missed when the file is too short.
    """
    if info.container.startswith("mov"):
        size = info.path.stat().st_size
        if all(entry.pos + entry.size <= size for entry in stream.index_entries):
            return 0
    return int(stream.frames)
