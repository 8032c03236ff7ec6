"""Fréchet distance of two sets of features seen as Gaussians (Dowson and Landau 1982; Heusel et al. 2017, eq. 6).

Legend: N, M samples, D features.

It says nothing of a network: what is compared names itself (`vidgan.metrics.frame_frechet`, `motion_frechet`). It is
biased upwards, the more so the fewer the samples: compare only values from the same number of clips, and read each
beside the distance of real clips from other real clips.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """|mean_a - mean_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of samples (N, D) and (M, D), each with N - 1 in C.

    The trace of the root is the sum of the singular values of A B^T, A and B being the centred samples over
    (N - 1)^(1/2); so it is exact for any D, also for fewer samples than features, and no matrix of D x D is rooted.
    NaN when a side has fewer than two samples or holds a value that is not finite.

    Raises:
        ValueError: the sides do not have the same number of features.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"expected samples (N, D) and (M, D), got {tuple(a.shape)} and {tuple(b.shape)}")
    if min(len(a), len(b)) < 2 or not (a.isfinite().all() and b.isfinite().all()):
        return math.nan
    (mean_a, root_a), (mean_b, root_b) = _moments(a), _moments(b)
    shared = torch.linalg.svdvals(root_a @ root_b.T).sum()
    distance = (mean_a - mean_b).square().sum() + root_a.square().sum() + root_b.square().sum() - 2 * shared
    return max(0.0, float(distance))


def _moments(samples: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,) and a root R of the covariance, R^T R = C, at most (D, D), in double precision on the CPU."""
    samples = samples.detach().double().cpu()
    mean = samples.mean(0)
    centred = (samples - mean) / math.sqrt(len(samples) - 1)
    if len(centred) > centred.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R
    return mean, centred
