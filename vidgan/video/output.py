"""Where a result goes: checked before the work, written beside under another name, and put in place when whole."""

from __future__ import annotations

import errno
import glob
import os
from collections.abc import Iterable
from pathlib import Path

import psutil

from vidgan.errors import OutputError
from vidgan.video.pyav import reason

_REASONS = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "the disk quota is used up; free some space",
    errno.EFBIG: "the file grew over the size that the system allows; lift the limit or write elsewhere",
    errno.EROFS: "the disk is read-only; write elsewhere",
    errno.EACCES: "the folder may not be written to; write elsewhere",
    errno.EPERM: "the folder may not be written to; write elsewhere",
    errno.ENOENT: "the folder does not exist; create it",
    errno.ENOTDIR: "its folder is a file; write elsewhere",
    errno.EIO: "the disk reports an error; write elsewhere",
}


def check_output(path: Path, inputs: Iterable[Path] = (), writing: bool = True) -> None:
    """Make sure, before any work is done, that a file can be written at `path` and that it is none of the `inputs`.

    Its folder is made and tried, and what a killed run left there is removed, unless nothing may be written yet
    (`writing`).

    Raises:
        OutputError: it is one of the inputs, also through a link; is a directory; or its folder cannot be written to.
    """
    path = Path(path)
    for source in inputs:
        if _same(path, Path(source)):
            raise OutputError(f"{path}: is also an input ({source}) and would be overwritten; choose another output")
    if path.is_dir():
        raise OutputError(f"{path}: is a directory; give a file name in it, such as {path / 'out.mp4'}")
    folder = path.absolute().parent
    if not writing:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        probe = partial_path(path)
        with probe.open("wb"):
            pass
        probe.unlink()
    except OSError as error:
        raise output_error(path, error) from error


def partial_path(path: Path) -> Path:
    """The name beside `path` under which it is written until it is whole; keeps the suffix."""
    return path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")


def _sweep(path: Path) -> None:
    """Remove what killed processes left beside a file that they were writing."""
    for left in path.absolute().parent.glob(f".{glob.escape(path.stem)}.*.partial{glob.escape(path.suffix)}"):
        number = left.name.removeprefix(f".{path.stem}.").partition(".")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            left.unlink(missing_ok=True)


def output_error(path: Path, error: BaseException) -> OutputError:
    """The error of the operating system or of FFmpeg as one clear line."""
    code = getattr(error, "errno", None)
    return OutputError(f"{path}: cannot be written: {_REASONS.get(code or 0, reason(error))}")


def _same(path: Path, source: Path) -> bool:
    try:
        return path.samefile(source)
    except OSError:  # one of them is not there: then they can only be equal by name
        return path.resolve() == source.resolve()
