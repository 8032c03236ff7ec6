"""Diversity: how far two samples are apart, and the warning that a generator makes always the same.

Legend: N clips, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

COLLAPSED = 0.3
"""Share of the real clips' diversity below which a generator is said to have collapsed."""


def diversity(features: Tensor) -> float:
    """Mean Euclidean distance between two different clips' features (N, D); 0 when all are one, NaN for one clip.

    Two choices of features: `VideoFeatures.appearance` (different people and places) and `.movement` (different
    motions).
    """
    return float(torch.pdist(features.double()).mean()) if len(features) > 1 else float("nan")


def collapse_warning(appearance_ratio: float, movement_ratio: float) -> str | None:
    """A line of advice when samples' diversity over real clips' falls below `COLLAPSED`; None when all is well."""
    low = {"look": appearance_ratio, "move": movement_ratio}
    low = {name: ratio for name, ratio in low.items() if ratio < COLLAPSED}
    if not low:
        return None
    shares = ", ".join(f"{100 * ratio:.0f} %" for ratio in low.values())
    return (
        f"the samples {' and '.join(low)} too much alike ({shares} of real clips' diversity): the generator may have "
        "collapsed; more clips, augmentation or a stronger R1 (see docs) help, an earlier state may be better"
    )
