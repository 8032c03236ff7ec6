"""Diversity: how far two samples are apart, and the warning that a generator makes always the same.

Legend: N clips, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

COLLAPSED = 0.3
"""Share of the real clips' diversity below which a generator is said to have collapsed."""


def diversity(features: Tensor, labels: Tensor | None = None) -> float:
    """Mean Euclidean distance between two different clips' features (N, D); 0 when all are one, NaN for one clip.

    With `labels` (N,) only clips of one class are compared: a generator that makes one clip of each class has none.
    Two choices of features: `VideoFeatures.appearance` (different people and places) and `.movement` (different
    motions).
    """
    pairs = torch.ones(len(features), len(features), dtype=torch.bool).triu(1)
    if labels is not None:
        pairs &= labels[:, None] == labels[None]
    distances = torch.cdist(features.double(), features.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return float(distances[pairs].mean())


def collapse_warning(appearance_ratio: float, movement_ratio: float) -> str | None:
    """A line of advice when samples' diversity over real clips' falls below `COLLAPSED`; None when all is well."""
    low = {"look": appearance_ratio, "move": movement_ratio}
    low = {name: ratio for name, ratio in low.items() if ratio < COLLAPSED}
    if not low:
        return None
    shares = ", ".join(f"{100 * ratio:.0f} %" for ratio in low.values())
    return (
        f"the samples {' and '.join(low)} too much alike ({shares} of real clips' diversity): the generator may have "
        "collapsed; more clips, augmentation or a stronger R1 help; an earlier state may be better"
    )
