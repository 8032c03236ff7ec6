"""Pictures as RGB frames: stills, image strips and animations (GIF, APNG, WebP).

Legend: H, W are the size of a picture as displayed (Exif orientation applied), 3 its RGB; alpha is laid over black.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from vidgan.errors import LimitError, MediaError
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter, check_pixels

RGB = NDArray[np.uint8]
Timed = tuple[RGB, Fraction | None]
"""A frame (H, W, 3) and its time in seconds, None where the file has no times."""

SUFFIXES = frozenset(
    (".png", ".apng", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm")
)
STRIP_RATIO = 4  # no camera's picture is so long, and a strip of fewer frames shows no motion

_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")  # Pillow's others run programs (EPS) or are unsafe
_ANIMATED = ("PNG", "WEBP", "GIF", "TIFF")  # a JPEG with several pictures (MPO) is a still with its preview
_DEFAULT_DELAY = 100  # ms that browsers show a frame whose delay is 0


@dataclass(frozen=True)
class Shape:
    """What the header of a picture says, in pixels."""

    width: int
    height: int
    animated: bool


@isolated
def shape_of(file: Path | bytes, limits: MediaLimits) -> Shape:
    """The size of a picture, without decoding it. Raises as `read_picture`."""
    with _opened(file, limits) as image, _explained():
        width, height = image.size
        if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # Exif orientations that lie on their side
            width, height = height, width
        return Shape(width, height, _animated(image))


def read_picture(file: Path | bytes, limits: MediaLimits) -> Iterator[Timed]:
    """The frames of an animation with their times, or the one picture without.

    Raises:
        MediaError: the file is missing, damaged or no picture.
        LimitError: it has more pixels than `limits` allow.
    """
    for rgb, time in _frames_of(file, limits):
        yield rgb, None if time is None else Fraction(time)


@isolated
def _frames_of(file: Path | bytes, limits: MediaLimits) -> Iterator[tuple[RGB, str | None]]:
    """As `read_picture`, times as texts."""
    meter = Meter("", limits)
    with _opened(file, limits) as image:
        meter.packet(len(file) if isinstance(file, bytes) else file.stat().st_size)
        with _explained():
            count = int(getattr(image, "n_frames", 1)) if _animated(image) else 1
        time = Fraction(0)
        for number in range(count):
            with _explained():
                image.seek(number)
                meter.frame(*image.size, time)  # the pages of a TIFF may grow
                image.load()
                rgb = _over_black(image)
            yield rgb, str(time) if count > 1 else None
            time += Fraction(str(image.info.get("duration") or _DEFAULT_DELAY)) / 1000


def strip_count(width: int, height: int, length: int | None) -> float:
    """Frames in an image strip, whole or not; 0 when a picture of this size is none.

    With the `length` of a frame along the strip, two frames make one; without, frames are square and there are at
    least `STRIP_RATIO`.
    """
    long, short = max(width, height), min(width, height)
    count = long / (length or short)
    return count if count >= (2 if length else STRIP_RATIO) else 0


def cut_strip(strip: RGB, length: int | None) -> Iterator[RGB]:
    """The frames of a strip, left to right or top to bottom, whichever side is longer. Raises MediaError: no strip."""
    height, width = strip.shape[:2]
    count = strip_count(width, height, length)
    length = length or min(width, height)
    if not count:
        raise MediaError(f"a single picture of {width}x{height}, no strip of frames")
    if count != int(count):
        raise MediaError(
            f"{width}x{height} is no whole number of frames of {length} pixels: say how long one is by clips.strip"
        )
    for start in range(0, int(count) * length, length):
        yield strip[:, start : start + length] if width >= height else strip[start : start + length]


def _animated(image: Image.Image) -> bool:
    return bool(getattr(image, "is_animated", False)) and image.format in _ANIMATED


@contextmanager
def _opened(file: Path | bytes, limits: MediaLimits) -> Iterator[Image.Image]:
    with _explained():
        image = Image.open(BytesIO(file) if isinstance(file, bytes) else file, formats=_FORMATS)
    with image:
        check_pixels("", *image.size, limits)
        yield image


@contextmanager
def _explained() -> Iterator[None]:
    """Pillow's many ways to refuse a file as one; what it merely warns of is left to it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except (MediaError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LimitError("more pixels than a picture may have") from error
    except Image.UnidentifiedImageError as error:
        raise MediaError("not a picture, or damaged from the start") from error
    except OSError as error:
        raise MediaError(f"cannot be read ({error.strerror or _line(error)})") from error
    except Exception as error:  # a damaged picture fails in any way: SyntaxError, struct.error, IndexError, ...
        raise MediaError(f"damaged ({_line(error)})") from error


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _over_black(image: Image.Image) -> RGB:
    """The displayed picture as RGB (H, W, 3), transparent parts black, 16 bits brought to 8."""
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise MediaError("its pixels are floating-point numbers: save it with 8 or 16 bits")
    if image.mode == "I" or image.mode.startswith("I;16"):
        grey = np.clip(np.asarray(image, np.int64), 0, 65535)
        return np.repeat(((grey * 255 + 32767) // 65535).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
    return np.asarray(image.convert("RGB"))
