"""Prepare a folder of clips once: read, cut to size, label, split, and keep as one memory map."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vidgan.clips.config import ClipConfig
from vidgan.clips.find import Footage, Found, find_footage, read_archive
from vidgan.clips.model import Clip, ClipSet, write_facts
from vidgan.clips.names import natural_key, shown
from vidgan.clips.read import Reading, read_footage
from vidgan.clips.split import matched, with_classes, with_groups, with_held
from vidgan.clips.store import FRAMES, FrameFile, locked, replacing
from vidgan.errors import CacheError, MediaError
from vidgan.progress import Progress
from vidgan.video.limits import MediaLimits, current_limits

_VERSION = 2  # raise it when the same files would be prepared otherwise
_SAMPLE = 16 << 10  # bytes read at each of four places of a file for its digest
_TOLD = 5  # files named in a warning
_SAME_RATE = 1.02


def prepare_clips(
    source: Path, config: ClipConfig, folder: Path, progress: Progress, limits: MediaLimits | None = None
) -> ClipSet:
    """Read the clips of a folder (or tar archive of image strips) into `folder`, or reuse what is there.

    What is a clip, `vidgan.clips.find.find_footage` says. Frames go to disk as they are read, so memory stays bounded.
    Unreadable and short clips are left out with the reason, told as warnings and kept in `skipped`.

    The set is the same as long as the settings (but `mirror`) and the files are: their names, sizes and a sample of
    their content (whole up to 64 KiB, four places of 16 KiB of larger ones), not their times, so a copied folder counts
    as the same one. Another command that prepares the same folder is waited for.

    Raises:
        MediaError: `source` is missing or empty, nothing in it can be read, all clips are shorter than a window, or
            fewer than two are left.
        ConfigError: `label`, `group` or `held_groups` fit none of the clips.
        CacheError: `folder` cannot be written.
    """
    limits = limits or current_limits()
    found = _look(source, config, limits)
    digest = _digest(source, found, config)
    with locked(folder, lambda: progress.note("another command prepares these clips: waiting for it")):
        if (clips := _reusable(folder, digest, progress)) is None:
            with replacing(folder) as partial:
                _prepare(source, found, config, partial, digest, progress, limits)
            clips = ClipSet.load(folder)
    _tell(clips, progress)
    return clips


def clips_digest(source: Path, config: ClipConfig, limits: MediaLimits | None = None) -> str:
    """The digest that the clips of a folder would have, without preparing them. Raises MediaError: none there."""
    return _digest(source, _look(source, config, limits or current_limits()), config)


def _look(source: Path, config: ClipConfig, limits: MediaLimits) -> Found:
    if not source.exists():
        raise MediaError(f"{source}: no such folder; give a folder of videos, image strips or frame folders")
    if source.is_file():
        return Found()  # an archive, found out while it is read
    found = find_footage(source, config, limits)
    if not found.footage and not found.skipped:
        others = f" ({found.others} files of other kinds)" if found.others else ""
        raise MediaError(f"{source}: no clips in it{others}; give a folder of videos, image strips or frame folders")
    return found


def _reusable(folder: Path, digest: str, progress: Progress) -> ClipSet | None:
    if not folder.exists():
        return None
    try:
        clips = ClipSet.load(folder)
    except CacheError as error:
        if any(folder.iterdir()):
            progress.warn(f"prepared anew: {error}")
        return None
    if clips.digest == digest:
        progress.note(f"{len(clips)} prepared clips are used again")
        return clips
    progress.note("prepared anew: the clips or their settings have changed")
    return None


def _prepare(
    source: Path, found: Found, config: ClipConfig, folder: Path, digest: str, progress: Progress, limits: MediaLimits
) -> None:
    archive = source.is_file()
    footage: Iterable[Footage] = read_archive(source, found) if archive else found.footage
    progress.start("clips", None if archive else len(found.footage), "clips")
    short: dict[str, int] = {}
    with FrameFile(folder / FRAMES, config.size) as file:
        read = list(_read(footage, config, file, found, short, progress, limits))
        progress.note(f"{len(read)} clips prepared: {file.count} frames of {config.size}x{config.size}")
    read.sort(key=lambda clip: natural_key(clip.name))
    _check(source, read, found, short, config)
    clips, classes = _split(read, config, progress)
    skipped = tuple(sorted(found.skipped, key=lambda item: natural_key(item[0])))
    write_facts(folder, clips, classes, skipped, digest)


def _read(
    footage: Iterable[Footage],
    config: ClipConfig,
    file: FrameFile,
    found: Found,
    short: dict[str, int],
    progress: Progress,
    limits: MediaLimits,
) -> Iterator[Clip]:
    """Read clip after clip into `file`; those left out go into `found.skipped`, those too short into `short` too."""
    for each in footage:
        start, reading = file.count, Reading()
        try:
            if config.label not in ("auto", "none") and matched(config.label, each.name) is None:
                raise MediaError("clips.label does not match its path, so its class is unknown")
            for frame in read_footage(each, config, limits, reading):
                file.append(frame)
            if reading.frames < config.span:
                short[each.name] = reading.frames
                raise MediaError(f"has {reading.frames} frames, fewer than the window of {config.span}")
        except MediaError as error:
            file.rewind(start)
            found.skipped.append((each.name, _reason(each, error)))
        else:
            yield Clip(each.name, start, reading.frames, fps=reading.fps)
        for note in reading.notes:
            progress.warn(f"{each.name}: {note}")
        progress.advance(1, frames=file.count)


def _reason(footage: Footage, error: MediaError) -> str:
    """Why a file cannot be read, without its path, which stands beside it."""
    file = footage.files[0]
    return shown(str(error).removeprefix(f"{file}: " if isinstance(file, Path) else ""))


def _check(source: Path, clips: Sequence[Clip], found: Found, short: dict[str, int], config: ClipConfig) -> None:
    """Refuse too little to train on, with the most useful reason."""
    if len(clips) > 1:
        return
    if clips:
        rest = f" ({len(found.skipped)} others were left out: {_first(found.skipped)})" if found.skipped else ""
        raise MediaError(
            f"{source}: only one clip, {clips[0].name}, can be used{rest}; at least 2 are needed, as one is "
            "held out and one alone can only be memorised"
        )
    if short:
        longest = max(short, key=lambda name: short[name])
        window = f"{config.frames} frames" + (f", {config.stride} apart" if config.stride > 1 else "")
        change = "--set clips.stride=1" if config.stride > 1 else "--set clips.frames to fewer"
        raise MediaError(
            f"{source}: every clip is shorter than the window of {window}; the longest, {longest}, has "
            f"{short[longest]} of the {config.span} that it spans: {change}, or give longer clips"
        )
    if found.skipped:
        raise MediaError(
            f"{source}: none of its {len(found.skipped)} clips can be used (the first is {_first(found.skipped)}); "
            "give videos, image strips or frame folders"
        )
    raise MediaError(f"{source}: no clips in it; give a folder of videos, image strips or frame folders")


def _split(read: Sequence[Clip], config: ClipConfig, progress: Progress) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """The clips with class, group and whether they are held out."""
    labelled, classes = with_classes(read, config.label)
    grouped, alone = with_groups(labelled, config.group)
    clips = with_held(grouped, config)
    if alone:
        progress.warn(f"clips.group does not match {_few(alone)}: each is a group of its own")
    if config.label == "auto" and not classes and any("/" in clip.name for clip in clips):
        progress.note("no classes: the clips lie in one folder, or some beside the folders of others")
    for label, name in enumerate(classes):
        if all(clip.held for clip in clips if clip.label == label):
            progress.warn(f"all clips of class {name} are held out: none is left to train on")
    return clips, classes


def _tell(clips: ClipSet, progress: Progress) -> None:
    """Say what is held out, and what a user may want to mend."""
    held = clips.held()
    groups = sorted({clip.group for clip in held.clips}, key=natural_key)
    classes = f", {len(clips.classes)} classes ({_few(clips.classes)})" if clips.classes else ""
    progress.note(f"{len(clips) - len(held)} clips to train on{classes}; {len(held)} held out ({_few(groups)})")
    if clips.skipped:
        files = "; ".join(f"{name}: {reason}" for name, reason in clips.skipped[:_TOLD])
        more = f"; and {len(clips.skipped) - _TOLD} more" if len(clips.skipped) > _TOLD else ""
        progress.warn(f"{len(clips.skipped)} left out: {files}{more}")
    rates = sorted(clip.fps for clip in clips.clips if clip.fps is not None)
    if rates and rates[-1] > rates[0] * _SAME_RATE:
        progress.warn(
            f"the clips run at {rates[0]:.4g} to {rates[-1]:.4g} frames/s, so the same motion has several speeds: "
            f"--set clips.fps={rates[0]:.4g} gives all one"
        )


def _digest(source: Path, found: Found, config: ClipConfig) -> str:
    """What the prepared clips depend on: this code, the settings, the files."""
    settings = config.model_dump(mode="json", exclude={"mirror"})
    total = hashlib.blake2b(json.dumps([_VERSION, settings], sort_keys=True).encode(), digest_size=16)
    if source.is_file():
        total.update(_mark(source))
    for footage in found.footage:
        for file in footage.files:
            assert isinstance(file, Path)
            total.update(repr((footage.name, shown(file.name))).encode() + _mark(file))
    return total.hexdigest()


def _mark(path: Path) -> bytes:
    """The size of a file and a sample of its content, hashed; that it cannot be read is also a content."""
    mark = hashlib.blake2b(digest_size=16)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            places = range(0, size, _SAMPLE) if size <= 4 * _SAMPLE else [k * (size - _SAMPLE) // 3 for k in range(4)]
            mark.update(str(size).encode())
            for place in places:
                file.seek(place)
                mark.update(file.read(_SAMPLE))
    except OSError:
        mark.update(b"unreadable")
    return mark.digest()


def _first(skipped: Sequence[tuple[str, str]]) -> str:
    return f"{skipped[0][0]}: {skipped[0][1]}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_TOLD]) + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")
