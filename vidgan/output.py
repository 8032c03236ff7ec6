"""What a run reads and writes: checked before any work; results put in place whole at the end."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from vidgan.errors import MediaError, UsageError
from vidgan.trust.credentials import SIDECAR, sidecar_of
from vidgan.video.output import check_output, output_error, partial_path

CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")


def check_inputs(files: Mapping[str, Path]) -> None:
    """Refuse inputs that are not files with something in them, before any work.

    Raises:
        MediaError: one is missing, no regular file, empty or unreadable.
    """
    for name, path in files.items():
        if path.is_dir():
            raise MediaError(f"{name} {path} is a folder: give a video file")
        if not path.exists():
            raise MediaError(f"{name} {path} does not exist")
        if not path.is_file():
            raise MediaError(f"{name} {path} is a pipe or a device: give a file")
        if not os.access(path, os.R_OK):
            raise MediaError(f"{name} {path} cannot be read: check its permissions")
        if path.stat().st_size == 0:
            raise MediaError(f"{name} {path} is empty")


def check_destination(output: Path, inputs: Iterable[Path], writing: bool = True) -> None:
    """Refuse an output that could not be written or would overwrite an input; make its folder when `writing`.

    Raises:
        UsageError: its name does not say a container that vidgan writes.
        OutputError: it is an input, a folder, or in a folder that may not be written to.
    """
    if output.suffix.lower() not in CONTAINERS and not output.is_dir():
        raise UsageError(f"output {output} must end in {', '.join(CONTAINERS[:-1])} or {CONTAINERS[-1]}")
    check_output(output, inputs, writing)


def place(path: Path, output: Path) -> Path:
    """Copy a file beside `output` first and rename it then, so that it is there whole or not at all.

    Raises:
        OutputError: the disk is full or read-only.
    """
    beside = partial_path(output)
    try:
        shutil.copyfile(path, beside)
        beside.replace(output)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise output_error(output, error) from error
    return output


def place_all(found: Mapping[str, Path], output: Path) -> dict[str, Path]:
    """Place a pipeline's outputs: the first as `output`, each other beside it as `STEM.NAME`.

    Credentials go by the whole name, `out.mkv.c2pa`; those of an older output that stood there are removed.

    Raises:
        OutputError: the disk is full or read-only.
    """
    placed, credentials = {}, sidecar_of(output)
    for number, (name, path) in enumerate(found.items()):
        beside = credentials if f".{path.name}" == SIDECAR else output.with_name(f"{output.stem}.{path.name}")
        placed[name] = place(path, beside if number else output)
    if credentials not in placed.values():
        try:
            credentials.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(credentials, error) from error
    return placed
