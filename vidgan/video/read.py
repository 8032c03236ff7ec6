"""Frames as displayed, one after the other: turned, deinterlaced, in BT.709 RGB, never the whole clip in memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import cv2
import numpy as np
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgan.errors import DeviceError, MediaError
from vidgan.video.clip import ClipInfo, Frame
from vidgan.video.decode import Damage, decode, deinterlace
from vidgan.video.hdr import LUT_FORMAT, ToneMapper
from vidgan.video.limits import MediaLimits
from vidgan.video.matroska import missing_bytes
from vidgan.video.probe import Examined, examine
from vidgan.video.pyav import Orientation, open_media, reason, video_stream

_DECODER_BUDGET = 1 << 30  # bytes of frames that decoder threads may hold between them
_HARDWARE_FORMATS = ("nv12", "p010le", "p016le", "nv16", "p210le", "yuv444p16le", "cuda")


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
        self._limits = limits or MediaLimits()
        self._examined: Examined = examine(Path(path), self._limits)
        self._max_side = min(max_side or self._limits.max_side, self._limits.max_side)
        self._device = _cuda_index(device)
        self._open: list[Iterator[Frame]] = []
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
        for frames in self._open:
            frames.close()  # type: ignore[attr-defined]
        self._open.clear()

    def __iter__(self) -> Iterator[Frame]:
        return self.frames()

    def frames(self, start: int = 0) -> Iterator[Frame]:
        """Frames from number `start` (counted from 0) on; those before it are decoded, which is exact, and dropped.

        Raises:
            MediaError: while reading, when not one frame can be decoded.
        """
        frames = self._read(start)
        self._open.append(frames)
        return frames

    def _read(self, start: int) -> Iterator[Frame]:
        damage = Damage()
        count = 0
        with self._opened() as container:
            stream = video_stream(container, self.info.path, self._limits)
            _set_threads(stream)
            convert = Converter(self._examined, self._max_side)
            timed = self._timed(self._decoded(container, stream, damage))
            for frame, pts in timed:
                if count >= start:
                    yield Frame(convert(frame), pts, self.info.time_base)
                count += 1
            self._report(damage, count, _promised(stream, self.info))

    def _decoded(self, container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[VideoFrame]:
        frames = decode(container, stream, damage)
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


class Converter:
    """From decoded frames to displayed RGB (H, W, 3) uint8; keeps its scaler between frames."""

    def __init__(self, examined: Examined, max_side: int | None) -> None:
        self._colour = examined.colour
        self._orientation = examined.geometry.orientation
        self._size = examined.geometry.fitted(max_side)
        smaller = self._size[0] < examined.geometry.width or self._size[1] < examined.geometry.height
        self._interpolation = Interpolation.AREA if smaller else Interpolation.BICUBIC
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


def _set_threads(stream: VideoStream) -> None:
    """Decode on all cores, with fewer threads where each of them would hold a huge frame."""
    context = stream.codec_context
    frame_bytes = max(1, context.width * context.height * 3)
    context.thread_type = "AUTO"
    context.thread_count = max(1, min(os.cpu_count() or 1, 16, _DECODER_BUDGET // (4 * frame_bytes)))


def _cuda_index(device: str) -> int | None:
    if device in ("cpu", "auto"):
        return None
    kind, _, index = device.partition(":")
    if kind != "cuda" or (index and not index.isdigit()):
        raise DeviceError(f"device {device!r} is unknown: use cpu, cuda or cuda:N")
    return int(index or 0)
