"""Folders of prepared clips that are whole or not there, and whose frames are written without holding them."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import CacheError

FRAMES, FACTS = "clips.npy", "clips.json"


class FrameFile:
    """Writes frames (S, S, 3) uint8 one after another into an `.npy` of shape (F, S, S, 3), F known at the end only.

    Frames go through `write`, not through a memory map, so that a full disk is an error and not a killed process.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._file = path.open("wb")
        self._frame = (size, size, 3)
        self.count = 0
        self._header()
        self._start = self._file.tell()

    def append(self, frame: NDArray[np.uint8]) -> None:
        """Write one frame."""
        if frame.shape != self._frame or frame.dtype != np.uint8:
            raise ValueError(f"a frame of {self._frame} uint8 is expected, not {frame.shape} {frame.dtype}")
        self._file.write(np.ascontiguousarray(frame).data)
        self.count += 1

    def rewind(self, count: int) -> None:
        """Take back all frames but the first `count`."""
        self._file.seek(self._start + count * int(np.prod(self._frame)))
        self._file.truncate()
        self.count = count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if kind is None:
                self._file.seek(0)
                self._header()  # NumPy leaves room in it for the first axis to grow
                if self._file.tell() != self._start:
                    raise RuntimeError("the header of an .npy file changed its length")
                self._file.flush()
                os.fsync(self._file.fileno())

    def _header(self) -> None:
        header = {"descr": "|u1", "fortran_order": False, "shape": (self.count, *self._frame)}
        np.lib.format.write_array_header_1_0(self._file, header)


def write_whole(path: Path, text: str) -> None:
    """Write a text file down to the disk."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """An empty folder to write into, which takes the place of `folder` when all went well and goes away otherwise.

    Hold the folder's lock. What a killed run left is removed first. Raises CacheError when it cannot be written.
    """
    partial, old = folder.with_name(f"{folder.name}.partial"), folder.with_name(f"{folder.name}.old")
    try:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            folder.replace(old)  # who still reads it keeps its files until he is done
        partial.replace(folder)
    except OSError as error:
        raise _explained(folder, error) from error
    finally:
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Keep other processes from preparing `folder`; calls `on_wait` when one does, and waits for it to end."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f"{folder.name}.lock").open("a")
    except OSError as error:
        raise _explained(folder, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _explained(folder: Path, error: OSError) -> CacheError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CacheError(f"{folder}: no space is left for the prepared clips; free some, or choose another place")
    return CacheError(f"{folder}: the prepared clips cannot be written ({error.strerror}); choose another place")
