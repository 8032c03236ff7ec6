"""Where results go: checked before any work, and put in place whole at the end."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile

from vidgan.errors import MediaError, OutputError

CONTAINERS = (".mp4", ".mov", ".mkv", ".webm")


def check_inputs(files: Mapping[str, Path]) -> None:
    """Refuse inputs that are not files with something in them, before any work.

    Raises:
        MediaError: one is missing, a folder, empty or unreadable.
    """
    for name, path in files.items():
        if path.is_dir():
            raise MediaError(f"{name} {path} is a folder: give a video file")
        if not path.exists():
            raise MediaError(f"{name} {path} does not exist")
        if not os.access(path, os.R_OK):
            raise MediaError(f"{name} {path} cannot be read: check its permissions")
        if path.stat().st_size == 0:
            raise MediaError(f"{name} {path} is empty")


def check_destination(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that could not be written or would overwrite an input; make its folder.

    Raises:
        OutputError: it is an input, a folder, in an unwritable folder, or of an unknown container.
    """
    if output.suffix.lower() not in CONTAINERS:
        raise OutputError(f"output {output} must end in {', '.join(CONTAINERS[:-1])} or {CONTAINERS[-1]}")
    if output.is_dir():
        raise OutputError(f"output {output} is a folder: give the name of a file in it")
    for path in inputs:
        if output.resolve() == path.resolve() or (output.exists() and output.samefile(path)):
            raise OutputError(f"output {output} is the input {path}: choose another name with -o")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        TemporaryFile(dir=output.parent).close()
    except OSError as error:
        raise _output_error(output, error) from None


def place(path: Path, output: Path) -> Path:
    """Copy a file to `output` beside it first and rename it then, so that it is there whole or not at all.

    Raises:
        OutputError: the disk is full or read-only.
    """
    beside = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, beside)
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _output_error(output, error) from None
    return output


def place_all(found: Mapping[str, Path], output: Path) -> dict[str, Path]:
    """Place a pipeline's outputs: the first as `output`, each other beside it as `STEM.NAME`."""
    placed = {}
    for number, (name, path) in enumerate(found.items()):
        placed[name] = place(path, output if number == 0 else output.with_name(f"{output.stem}.{path.name}"))
    return placed


def _output_error(output: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"no space is left to write {output}: free some or choose another place with -o")
    return OutputError(f"cannot write {output}: {error.strerror or error}; choose another place with -o")
