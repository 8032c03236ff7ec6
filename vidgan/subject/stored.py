"""Stored pictures as tensors. Legend: (..., S, S, C) uint8 on disk, (..., C, S, S) float32 for networks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def as_pictures(stored: NDArray[np.uint8]) -> Tensor:
    """(..., S, S, C) uint8 → (..., C, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(stored)).movedim(-1, -3).float() / 127.5 - 1


def with_matte(pictures: Tensor) -> Tensor:
    """The last of four channels (..., 4, S, S) from [-1, 1] to the [0, 1] of a matte; in place."""
    pictures[..., 3, :, :] = (pictures[..., 3, :, :] + 1) / 2
    return pictures
