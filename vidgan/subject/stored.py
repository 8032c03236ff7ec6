"""Stored pictures as tensors. Legend: (..., S, S, C) uint8 on disk, (..., C, S, S) float32 for networks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def new_pictures(path: Path, shape: tuple[int, ...]) -> np.memmap:
    """A file of zeros (..., S, S, C) to write pictures into, mapped, its space on the disk taken at once.

    Writing into a map over a disk that is full would kill the process (SIGBUS).

    Raises:
        OSError: there is no space for it.
    """
    pictures: np.memmap = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    return pictures


def as_pictures(stored: NDArray[np.uint8], device: torch.device | str = "cpu") -> Tensor:
    """(..., S, S, C) uint8 → (..., C, S, S) float32 in [-1, 1], on a device."""
    small = torch.from_numpy(np.ascontiguousarray(stored)).to(device)  # a quarter of what floats would weigh on the way
    return small.movedim(-1, -3).float() / 127.5 - 1


def with_matte(pictures: Tensor) -> Tensor:
    """The last of four channels (..., 4, S, S) from [-1, 1] to the [0, 1] of a matte; in place."""
    pictures[..., 3, :, :] = (pictures[..., 3, :, :] + 1) / 2
    return pictures


def as_bytes(pictures: Tensor) -> NDArray[np.uint8]:
    """Pictures of any shape, in [-1, 1], as they are stored."""
    return ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).cpu().numpy()


def as_matte(cover: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A coverage in [0, 1] as a stored matte."""
    return np.asarray(cover * 255 + 0.5, np.uint8)
