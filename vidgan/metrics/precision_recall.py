"""Improved precision and recall (Kynkäänniemi, Karras, Laine, Lehtinen and Aila 2019, section 2, equations 1 and 2).

Legend: N samples, R real clips, D features.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

NEIGHBOURS = 3
"""k of the paper. There it estimates the manifold from 50 000 images, here from tens of clips: coarse."""


def precision_recall(fake: Tensor, real: Tensor, neighbours: int = NEIGHBOURS) -> dict[str, float]:
    """How many samples (N, D) lie among the real clips (R, D), and the other way round.

    `precision`: the share of samples within the manifold of the real clips; `recall`: the share of real clips within
    the manifold of the samples. The manifold of a set is the union of balls around its members, each as wide as the
    distance to its k-th nearest other member. NaN when a side has k members or fewer.
    """
    if min(len(fake), len(real)) <= neighbours:
        return {"precision": math.nan, "recall": math.nan}
    fake, real = fake.double(), real.double()
    distances = _distances(fake, real)
    within_real = (distances <= _radii(real, neighbours)[None]).any(1)
    within_fake = (distances <= _radii(fake, neighbours)[:, None]).any(0)
    return {"precision": float(within_real.double().mean()), "recall": float(within_fake.double().mean())}


def _radii(features: Tensor, neighbours: int) -> Tensor:
    """The distance (N,) of each member to its k-th nearest other member."""
    return _distances(features, features).kthvalue(neighbours + 1, dim=1).values  # the nearest is itself


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Exact Euclidean distances: equal features are 0 apart, which the faster form does not promise."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
