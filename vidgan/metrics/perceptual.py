"""Perceptual distance of frames: `PerceptualLoss.distance` at one fixed size, so that scores compare between runs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.frames import Image

SIZE = 256
"""Pixels of the longer side at which frames are compared."""


def perceptual_distances(
    frames: Sequence[Image], truths: Sequence[Image], loss: PerceptualLoss, batch: int = 8
) -> list[float]:
    """The distance of each frame (H, W, 3) from its truth; lower is better, values as in `PerceptualLoss.score`.

    Each pair is scaled so that its longer side has `SIZE` pixels. Pairs may differ in shape; name
    `loss.feature_network` next to the values.
    """
    device = next(loss.parameters()).device
    distances: list[float] = []
    pairs = [(_scaled(frame), _scaled(truth)) for frame, truth in zip(frames, truths, strict=True)]
    for stretch in _same_shapes(pairs, batch):
        ours, theirs = (_tensor(column).to(device) for column in zip(*stretch, strict=True))
        distances += loss.distance(ours, theirs).tolist()
    return distances


def _scaled(frame: Image) -> NDArray:
    height, width = frame.shape[:2]
    scale = SIZE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR))


def _same_shapes(pairs: list[tuple[NDArray, NDArray]], limit: int) -> list[list[tuple[NDArray, NDArray]]]:
    """Runs of pairs of one shape, in order, at most `limit` long."""
    runs: list[list[tuple[NDArray, NDArray]]] = []
    for pair in pairs:
        if runs and len(runs[-1]) < limit and runs[-1][0][0].shape == pair[0].shape:
            runs[-1].append(pair)
        else:
            runs.append([pair])
    return runs


def _tensor(frames: Sequence[NDArray]) -> torch.Tensor:
    """Frames (H, W, 3) 0-255 as (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float() / 127.5 - 1
