"""Raw landmarks and masks on disk, appended chunk by chunk, so that a killed run goes on and memory stays bounded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import cv2
import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vidgan.errors import OutputError
from vidgan.pose.people import Box


class ChunkStore:
    """A folder of chunks of raw landmarks. A chunk is there whole or not at all.

    `empty` is the row of a frame in which nobody was found: float32 arrays by name.
    """

    def __init__(self, folder: Path, empty: Mapping[str, NDArray]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._empty = empty
        self._chunks = sorted(folder.glob("*.npz"))
        self._rows: list[Mapping[str, NDArray]] = []
        self._pts: list[int] = []
        self.frames = 0
        self.box: Box | None = None
        for path in self._chunks:
            with np.load(path, allow_pickle=False) as data:
                self.frames += len(data["pts"])
                self.box = None if np.isnan(data["box"]).any() else data["box"]

    def add(self, row: Mapping[str, NDArray] | None, pts: int) -> None:
        """Take the next frame's person, or that there is none; kept in memory until `flush`."""
        self._rows.append(self._empty if row is None else row)
        self._pts.append(pts)

    def flush(self, box: Box | None) -> None:
        """Write what was added as one chunk, with the place where the person was last (backend pixels)."""
        if not self._rows:
            return
        values = {name: np.array([row[name] for row in self._rows], np.float32) for name in self._empty}
        path = self._folder / f"{self.frames:08d}.npz"
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            place = np.full(4, np.nan) if box is None else box
            np.savez(file, box=place, pts=np.array(self._pts, np.int64), **values)
        partial.replace(path)
        self._chunks.append(path)
        self.frames += len(self._rows)
        self.box = box
        self._rows.clear()
        self._pts.clear()

    def load(self) -> dict[str, NDArray]:
        """All chunks, joined: the named arrays (T, ...) and `pts` (T,)."""
        parts: dict[str, list[NDArray]] = {name: [] for name in (*self._empty, "pts")}
        for path in self._chunks:
            with np.load(path, allow_pickle=False) as data:
                for name, values in parts.items():
                    values.append(data[name])
        return {name: np.concatenate(values) for name, values in parts.items()}


class MaskFile:
    """A growing `.npy` file of uint8 masks (T, height, width); a context manager, whole and loadable once closed.

    What is there beyond `frames` (from a killed run) is cut off.
    """

    def __init__(self, path: Path, height: int, width: int, frames: int = 0) -> None:
        self._path = path
        self._size = (height, width)
        self._frames = frames
        self._empty = np.zeros(self._size, np.uint8)

    def __enter__(self) -> Self:
        self._file: BinaryIO = self._path.open("r+b" if self._frames and self._path.exists() else "w+b")
        self._start = self._write_header()
        length = self._start + self._frames * self._empty.size
        if self._path.stat().st_size < length and self._frames:
            raise OutputError(
                f"{self._path} is shorter than the landmarks beside it; remove {self._path.parent} and run again"
            )
        self._file.truncate(length)
        self._file.seek(length)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write_header()
        self._file.close()

    def add(self, mask: NDArray[np.uint8] | None) -> None:
        """Append a mask of any size, scaled to the file's; None is an empty one."""
        height, width = self._size
        if mask is None:
            mask = self._empty
        elif mask.shape != self._size:
            mask = cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        self._file.write(np.ascontiguousarray(mask).data)
        self._frames += 1

    def flush(self) -> None:
        """Bring all masks to the file."""
        self._file.flush()

    def _write_header(self) -> int:
        """Write the header for the frames so far and return its length, which NumPy pads so that it never changes."""
        self._file.seek(0)
        shape = (self._frames, *self._size)
        npy.write_array_header_1_0(self._file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return self._file.tell()
