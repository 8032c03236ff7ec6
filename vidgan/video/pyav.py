"""The border to PyAV: the one place where its types, quirks and exceptions are turned into ours.

PyAV 18 gives `Fraction` or None where PyAV 19 gives `AVRational`, and both round a rotation to whole degrees; from here
on time is `Fraction` and orientation comes from the display matrix itself.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from math import atan2, degrees
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from vidgan.errors import MediaError, NoVideoError
from vidgan.video.limits import MediaLimits, check_duration, check_pixels, over

MICROSECOND = Fraction(1, 1_000_000)
_MATRIX_FORMAT = "<9i"  # FFmpeg's AV_PKT_DATA_DISPLAYMATRIX: nine int32, the 2x2 part in 16.16 fixed point
_IMAGE_FORMATS = ("image2", "png_pipe", "jpeg_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe")


def to_fraction(value: Any) -> Fraction | None:
    """A rational of any PyAV version as a `Fraction`; None for every way to say "unset"."""
    if value is None or not value.numerator or not value.denominator:
        return None
    return Fraction(int(value.numerator), int(value.denominator))


def url(path: Path) -> str:
    """The path as FFmpeg must be told it, so that a colon in a name is not taken for a protocol."""
    return f"file:{path.absolute()}"


def reason(error: BaseException) -> str:
    """What FFmpeg said, in one line."""
    return str(getattr(error, "strerror", None) or error).splitlines()[0]


def out_of_memory(error: av.error.FFmpegError) -> bool:
    """Whether the system gave no memory, or no thread, which it refuses for the same reason."""
    return error.errno in (errno.ENOMEM, errno.EAGAIN)


@dataclass(frozen=True)
class Orientation:
    """How a coded frame is turned to be displayed: transpose first, then mirror left-right and top-bottom."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False
    exact: bool = True

    @property
    def rotation(self) -> int:
        """The clockwise turn in degrees: 0, 90, 180 or 270 (mirrors are not part of it)."""
        if self.transpose:
            return 270 if self.flip_y else 90
        return 180 if self.flip_x and self.flip_y else 0

    @property
    def mirrored(self) -> bool:
        """Whether the picture is also mirrored."""
        return (self.transpose + self.flip_x + self.flip_y) % 2 == 1

    @property
    def identity(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.transpose or self.flip_x or self.flip_y)


_EXIF_ORIENTATION = 0x0112
_EXIF_FORMATS = ("JPEG", "TIFF", "PNG", "WEBP", "MPO")
_EXIF = {  # Exif 2.32, section 4.6.4 A
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}


def orientation_of(frame: VideoFrame, path: Path) -> Orientation:
    """The orientation that a frame's display matrix asks for; turns between right angles are taken to the nearest one.

    PyAV 18 cannot list side data of a kind it does not know, which photographs with Exif have: Exif itself is asked.
    """
    try:
        matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:
        return _exif_orientation(path)
    if matrix is None:
        return Orientation()
    return orientation_from_matrix(struct.unpack(_MATRIX_FORMAT, bytes(matrix)[:36]))


def _exif_orientation(path: Path) -> Orientation:
    try:
        with Image.open(path, formats=_EXIF_FORMATS) as image:
            return _EXIF.get(image.getexif().get(_EXIF_ORIENTATION, 1), Orientation())
    except OSError:  # a video, whose unknown side data has nothing to do with orientation
        return Orientation()


def orientation_from_matrix(matrix: tuple[int, ...]) -> Orientation:
    """The orientation of a 3x3 display matrix [a b u; c d v; x y w], which maps (p, q) to (ap + cq, bp + dq)."""
    a, b, _, c, d = matrix[:5]
    angle = degrees(atan2(b, a)) % 90
    exact = min(angle, 90 - angle) < 1
    if abs(b) > abs(a):
        return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0, exact=exact)
    return Orientation(flip_x=a < 0, flip_y=d < 0, exact=exact)


@contextmanager
def open_media(path: Path, limits: MediaLimits, hwaccel: Any = None) -> Iterator[InputContainer]:
    """Open a media file from the local disk, and nothing that it may point to elsewhere.

    Raises:
        MediaError: the file is missing, no regular file, unreadable or damaged beyond use.
        NoVideoError: the file is empty or not media.
        LimitError: it has more streams or runs longer than `limits` allow.
    """
    _check_file(path)
    options = {"protocol_whitelist": "file", "max_streams": str(limits.max_streams + 1)}
    try:
        container = av.open(url(path), "r", container_options=options, hwaccel=hwaccel, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise _unreadable(path, error) from error
    with container:
        if len(container.streams) > limits.max_streams:
            raise over(path, f"has more than {limits.max_streams} streams", "max_streams")
        check_duration(path, (container.duration or 0) * MICROSECOND, limits)
        yield container


def video_stream(container: InputContainer, path: Path, limits: MediaLimits) -> VideoStream:
    """The stream to show: the largest that is not a cover picture.

    Raises:
        NoVideoError: there is none.
        MediaError: no decoder knows its codec.
        LimitError: its frames are larger than `limits` allow.
    """
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        what = "has sound but no video" if container.streams.audio else "has no video in it"
        raise NoVideoError(f"{path}: {what}; give a video file")
    known = [s for s in streams if s.codec_context is not None]
    if not known:
        raise MediaError(f"{path}: no decoder for its video codec; convert it to H.264 first")
    stream = max(known, key=lambda s: s.codec_context.width * s.codec_context.height)
    check_pixels(path, stream.codec_context.width, stream.codec_context.height, limits)
    if stream.frames > limits.max_frames:
        raise over(path, f"has {stream.frames} frames, over the limit of {limits.max_frames}", "max_frames")
    return stream


def is_image(container: InputContainer) -> bool:
    """Whether the file is a still picture."""
    return container.format.name in _IMAGE_FORMATS or container.format.name.endswith("_pipe")


def _is_cover(stream: VideoStream) -> bool:
    return bool(int(stream.disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise MediaError(f"{path}: is a directory; give a video file")
        if path.exists() and not path.is_file():  # to open it may wait for ever
            raise MediaError(f"{path}: is a pipe or a device; give a file")
        with path.open("rb") as file:
            if not file.read(1):
                raise NoVideoError(f"{path}: is empty; give a video file")
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file; check the name") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _unreadable(path: Path, error: BaseException) -> MediaError:
    head = b""
    with suppress(OSError), path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"mdat", b"wide") and isinstance(error, av.error.InvalidDataError):
        return MediaError(f"{path}: cut off before its index (moov) was written; copy or record it again")
    if isinstance(error, av.error.InvalidDataError):
        return NoVideoError(f"{path}: is not a media file, or is damaged from the start; give a video file")
    return MediaError(f"{path}: cannot be opened ({reason(error)}); convert it to H.264 in MP4")
