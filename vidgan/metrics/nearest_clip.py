"""The nearest training clip of each sample: is the generator copying?

Legend: N samples, R training windows, F training frames, T frames of a window, D frame features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

COPIED = 0.25
"""A sample closer to a training clip than this share of a held-out real clip's distance reads as a copy."""


@dataclass(frozen=True)
class Nearest:
    """For each clip (N,): the `index` of the nearest training window and the `distance` to it."""

    index: Tensor
    distance: Tensor


def nearest_clips(clips: Tensor, training: Tensor, windows: Tensor) -> Nearest:
    """The nearest windows: root mean square over time of the distance of frame features, frame by frame.

    Time is aligned, so give the windows at every start of the training clips; frames are given once.

    Args:
        clips: frame features (N, T, D).
        training: frame features (F, D).
        windows: rows of `training` in each window, (R, T).
    """
    steps = torch.arange(windows.shape[1])
    squares = [torch.cdist(clip, training).square()[steps, windows].mean(1) for clip in clips]
    found = [each.min(0) for each in squares]
    return Nearest(torch.stack([each.indices for each in found]), torch.stack([each.values for each in found]).sqrt())


def memorisation(samples: Nearest, held: Nearest) -> dict[str, float]:
    """How the samples' nearest distances compare with those of held-out real clips.

    `ratio`: median over median, about 1 when samples are as new as people never seen, 0 for copies; below 1 is expected
    of a generator that makes new clips of the training people. `copies`: the share of samples closer to a training clip
    than `COPIED` times the held-out median.
    """
    usual = float(held.distance.median())
    if usual == 0:
        return {"ratio": float("nan"), "copies": float("nan")}
    return {
        "ratio": float(samples.distance.median()) / usual,
        "copies": float((samples.distance < COPIED * usual).float().mean()),
    }
