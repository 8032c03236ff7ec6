"""What a media file may ask of the machine: a guard against broken and hostile files, not a quality setting.

The limits are settings (`--set media.max_frames=100000`) that hold for all that is read while `limited` is open, in
every file and stage. A header is believed where it promises too much; what is really decoded is counted by `Meter`.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from pathlib import Path

from pydantic import Field

from vidgan.config import Config, Duration, load_config
from vidgan.errors import LimitError

SECTION = "media"
"""The section of the settings in which the limits stand."""

UNCOUNTED = 1 << 30
"""Bytes that a file may decode to whatever its size: a title that stands still is a few hundred bytes a second."""


class MediaLimits(Config):
    """Bounds on one media file; they decide whether it is read, never what it looks like.

    `max_ratio` is in bytes of 8-bit RGB (of samples, for sound) for each byte of coded data: 200 to 2,000 for films, a
    million for black in AV1 at 4K and 8K, with which a film may begin. With `isolated` a process of its own decodes, in
    at most `max_memory` GiB, and is ended when nothing comes of it for `timeout`.
    """

    max_pixels: int = Field(8192 * 8192, gt=0, description="Pixels in one coded frame.")
    max_frames: int = Field(5_000_000, gt=0, description="Frames in one stream: 12 hours at 115 frames/s.")
    max_duration: Duration = Field(12 * 3600, gt=0, description="Seconds.")
    max_streams: int = Field(64, gt=0, description="Streams in one container.")
    max_ratio: float = Field(5_000_000, gt=0, description="Decoded bytes for each byte of coded data, beyond 1 GiB.")
    isolated: bool = True
    max_memory: float = Field(4.0, gt=0, description="GiB that a decoder may take.")
    timeout: Duration = Field(60.0, gt=0, description="Seconds in which something must come of it.")


class MediaSettings(Config):
    """The settings of a command that only reads."""

    media: MediaLimits = MediaLimits()


def read_limits(overrides: Sequence[str]) -> MediaLimits:
    """The limits by `media.key=value` overrides.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    return load_config(MediaSettings, None, overrides).media


_DEFAULT = MediaLimits()
_current: ContextVar[MediaLimits] = ContextVar("media limits", default=_DEFAULT)


def current_limits() -> MediaLimits:
    """The limits that hold now: those of the innermost `limited`, else the defaults."""
    return _current.get()


@contextmanager
def limited(limits: MediaLimits) -> Iterator[None]:
    """Let these limits hold for everything that this thread reads inside."""
    token = _current.set(limits)
    try:
        yield
    finally:
        _current.reset(token)


def over(where: object, what: str, setting: str) -> LimitError:
    """The one line about a limit: what is too much, and the setting that allows more."""
    file = f"{where}: " if where else ""
    return LimitError(f"{file}{what}; if you trust it, allow more by --set {SECTION}.{setting}=...")


def no_memory(where: object, limits: MediaLimits) -> LimitError:
    """What to raise when the system gives no more memory for a file."""
    return over(where, f"decoding it takes more than {limits.max_memory:g} GiB", "max_memory")


def check_unpacked(path: Path, streamed: str = "", frame: int = 1) -> None:
    """Refuse an npz that unpacks to more than the memory that is allowed.

    Its member `streamed`, which goes to the disk, may hold as many frames of `frame` bytes as a video. A file that is
    no archive passes: whoever reads it says so.
    """
    limits = current_limits()
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {it.filename: it.file_size for it in archive.infolist()}
    except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
        return
    if sizes.pop(streamed, 0) > limits.max_frames * frame:
        raise over(path, f"has more than {limits.max_frames} frames", "max_frames")
    if sum(sizes.values()) > limits.max_memory * 2**30:
        raise over(path, f"it unpacks to more than {limits.max_memory:g} GiB", "max_memory")


def nothing() -> None:
    """What is called at every packet and frame, unless somebody waits for a sign of life."""


on_decoded: Callable[[], None] = nothing


class Meter:
    """Counts what really comes out of one stream, so that a container that promised little is stopped in time.

    `where` names the file in errors; `limits` bound it. Every method raises LimitError at the first thing too many.
    """

    def __init__(self, where: object, limits: MediaLimits) -> None:
        self._where, self._limits = where, limits
        self._frames = self._coded = self._decoded = 0
        self._first: Fraction | None = None

    def packet(self, size: int) -> None:
        """A packet of `size` bytes was read."""
        self._coded += size
        on_decoded()

    def frame(self, width: int, height: int, seconds: Fraction | None = None) -> None:
        """A picture of width x height coded pixels was decoded, to be shown at `seconds` on the file's clock."""
        check_pixels(self._where, width, height, self._limits)
        self._frames += 1
        if self._frames > self._limits.max_frames:
            raise over(self._where, f"has more than {self._limits.max_frames} frames", "max_frames")
        self._took(3 * width * height, seconds)

    def sound(self, size: int, seconds: Fraction | None) -> None:
        """Samples of `size` bytes were decoded, that sound from `seconds` on the file's clock."""
        self._took(size, seconds)

    def no_memory(self) -> LimitError:
        """What to raise when the system gives no more memory."""
        return no_memory(self._where, self._limits)

    def _took(self, size: int, seconds: Fraction | None) -> None:
        self._decoded += size
        on_decoded()
        if self._decoded > max(UNCOUNTED, self._limits.max_ratio * self._coded):
            raise over(
                self._where,
                f"{self._coded} bytes of it decode to more than {self._decoded >> 20} MiB, over "
                f"{self._limits.max_ratio:.0f} to 1",
                "max_ratio",
            )
        self._first = seconds or Fraction(0) if self._first is None else self._first
        check_duration(self._where, (seconds or self._first) - self._first, self._limits)


def check_pixels(where: object, width: int, height: int, limits: MediaLimits) -> None:
    """Refuse pictures of more pixels than are allowed."""
    if width * height > limits.max_pixels:
        what = f"{width}x{height} is over the limit of {limits.max_pixels} pixels"
        raise over(where, what, "max_pixels")


def check_duration(where: object, seconds: Fraction, limits: MediaLimits) -> None:
    """Refuse what runs longer than is allowed."""
    if seconds > limits.max_duration:
        long = round(float(seconds), 1)
        raise over(where, f"{long:.10g} s long, over the limit of {limits.max_duration:.10g} s", "max_duration")
