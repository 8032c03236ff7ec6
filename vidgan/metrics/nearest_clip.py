"""The nearest training clip of each sample: is the generator copying?

Legend: N samples, R training clips, T frames, D frame features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidgan.metrics.video_features import VideoFeatures

COPIED = 0.25
"""A sample closer to a training clip than this share of a held-out real clip's distance reads as a copy."""


@dataclass(frozen=True)
class Nearest:
    """For each clip (N,): the `index` of the nearest training clip and the `distance` to it."""

    index: Tensor
    distance: Tensor


def nearest_clips(features: VideoFeatures, training: VideoFeatures) -> Nearest:
    """The nearest training clips: root mean square over time of the distance of frame features, frame by frame.

    Time is aligned, so give training windows at several starts. Clips must have the same number of frames.
    """
    distances = torch.cdist(features.frames.flatten(1), training.frames.flatten(1))
    distance, index = (distances / features.frames.shape[1] ** 0.5).min(1)
    return Nearest(index, distance)


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
