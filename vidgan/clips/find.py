"""What is a clip in a folder (or a tar archive): videos, image strips, animations and frame folders."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from vidgan.clips import pictures
from vidgan.clips.config import ClipConfig
from vidgan.clips.names import natural_key, sequences, shown
from vidgan.errors import MediaError
from vidgan.video.limits import MediaLimits

_VIDEO = """
    .mp4 .m4v .mov .qt .mkv .webm .avi .mpg .mpeg .mpe .m2v .vob .ts .m2ts .mts .wmv .asf .flv .f4v .ogv .ogg .3gp .3g2
    .mxf .dv .y4m .ivf .nut .h264 .264 .hevc .265
"""
VIDEO_SUFFIXES = frozenset(_VIDEO.split())
_PEEKED = 5  # pictures of a numbered sequence that are looked at to see what it is
_ARCHIVED_BYTES = 256 << 20  # of one picture in an archive


@dataclass(frozen=True)
class Footage:
    """One clip to read: its path below CLIPS as shown, and its file, the pictures it consists of, or its bytes."""

    name: str
    kind: Literal["video", "picture", "frames"]
    files: tuple[Path | bytes, ...]


@dataclass
class Found:
    """The clips of a folder in natural order, what was left out and why, and how many files are of other kinds."""

    footage: list[Footage] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    others: int = 0


def find_footage(source: Path, config: ClipConfig, limits: MediaLimits) -> Found:
    """Look through a folder and all below it.

    Every video is a clip. Pictures of one folder belong together when their names differ in the last number alone
    (`0001.png, 0002.png`, `a_1.png, a_2.png`); what such a sequence is, most of a few of its pictures decide:

    - long ones (at least 4 squares, or 2 frames of `config.strip` pixels) are image strips, each a clip;
    - animations (GIF, APNG, WebP) are a clip each;
    - all others are the frames of one clip in the order of their numbers, named after their folder, and after the
      folder and what their names share when the folder has several such sequences.

    A single picture is no clip and left out with that reason. Hidden files and folders, and the folders of runs
    (`run.json`), are passed over; links are followed once.
    """
    found = Found()
    for folder, files in _walk(source, found):
        place = folder.relative_to(source)
        images: list[Path] = []
        for file in files:
            suffix = file.suffix.lower()
            if suffix in VIDEO_SUFFIXES:
                found.footage.append(Footage(shown(place / file.name), "video", (file,)))
            elif suffix in pictures.SUFFIXES:
                images.append(file)
            else:
                found.others += 1
        _sort_images(place if place.parts else Path(), images, source, config, limits, found)
    found.footage.sort(key=lambda footage: natural_key(footage.name))
    return found


def _walk(source: Path, found: Found) -> Iterator[tuple[Path, list[Path]]]:
    def unlisted(error: OSError) -> None:
        place = Path(error.filename or source)
        found.skipped.append((shown(os.path.relpath(place, source)), f"cannot be listed ({error.strerror})"))

    seen: set[tuple[int, int]] = set()
    for root, folders, files in os.walk(source, onerror=unlisted, followlinks=True):
        folder = Path(root)
        stat = folder.stat()
        if (stat.st_dev, stat.st_ino) in seen or (folder != source and "run.json" in files):
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__MACOSX")))
        paths = (folder / name for name in sorted(files) if not name.startswith("."))
        yield folder, [path for path in paths if path.is_file()]  # no pipes or devices: to open one may block


def _sort_images(
    place: Path, images: list[Path], source: Path, config: ClipConfig, limits: MediaLimits, found: Found
) -> None:
    """Which of a folder's pictures are clips, and which the frames of one."""
    counted: list[tuple[str, list[Path]]] = []
    for before, files in sequences(images):
        if _each_a_clip(files, config, limits):
            found.footage += [Footage(shown(place / file.name), "picture", (file,)) for file in files]
        elif len(files) > 1:
            counted.append((before, files))
        else:
            found.skipped.append((shown(place / files[0].name), _why_not(files[0], limits)))
    for before, files in counted:
        own = before.strip(" ._-") if len(counted) > 1 else ""
        name = place / own if own or place.parts else Path(source.resolve().name or "frames")
        found.footage.append(Footage(shown(name), "frames", tuple(files)))


def _each_a_clip(files: list[Path], config: ClipConfig, limits: MediaLimits) -> bool:
    """Whether most of the pictures are strips or animations, by a few of them."""
    votes = []
    for file in files[:: max(1, len(files) // _PEEKED)]:
        try:
            shape = pictures.shape_of(file, limits)
        except MediaError:
            continue
        votes.append(shape.animated or pictures.strip_count(shape.width, shape.height, config.strip) > 0)
    return sum(votes) * 2 > len(votes)


def _why_not(file: Path, limits: MediaLimits) -> str:
    try:
        shape = pictures.shape_of(file, limits)
    except MediaError as error:
        return str(error)
    return f"a single picture of {shape.width}x{shape.height}: no strip, and not numbered with others"


def read_archive(path: Path, found: Found) -> Iterator[Footage]:
    """The pictures in a tar archive (compressed or not), each a strip or an animation, in the archive's order.

    Nothing is unpacked: a member's name becomes the clip's name and never a path, links and devices are passed over,
    and one picture at a time is in memory. Raises MediaError when nothing of the archive can be read.
    """
    count = 0
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                if member.size < 0:  # would lead backwards, again and again
                    raise tarfile.ReadError("an entry of negative size")
                count += 1
                name = shown(PurePosixPath(member.name.lstrip("/")))
                if not member.isreg() or PurePosixPath(name).suffix.lower() not in pictures.SUFFIXES:
                    found.others += member.isreg()
                elif member.size > _ARCHIVED_BYTES:
                    found.skipped.append((name, f"{member.size} bytes are over the limit of {_ARCHIVED_BYTES}"))
                elif (file := archive.extractfile(member)) is not None:
                    yield Footage(name, "picture", (file.read(),))
            _check_end(archive)
    except (tarfile.TarError, EOFError, OSError, ValueError, IndexError, OverflowError) as error:
        if not count:
            raise MediaError(f"{path}: neither a folder nor a readable tar archive; give a folder of clips") from error
        found.skipped.append((shown(path.name), f"the archive is damaged after its entry {count} ({error})"))


def _check_end(archive: tarfile.TarFile) -> None:
    """Raise ReadError when the entries end at something else than the archive's end: tarfile says nothing then."""
    assert archive.fileobj is not None
    archive.fileobj.seek(archive.offset)
    if any(archive.fileobj.read(tarfile.BLOCKSIZE)):
        raise tarfile.ReadError("what follows is no entry")
