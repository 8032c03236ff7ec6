"""Colour similarity against lag: do the colours of a clip stay what they were, frame after frame? Needs no network.

Legend: N clips, T frames, S pixels of a side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vidgan.metrics.video_features import Clips, as_tensor

BINS = 8
"""Bins a colour channel; the histogram has 8^3 cells."""


def colour_similarity(clips: Clips) -> dict[int, float]:
    """Mean histogram intersection of frames t and t + lag, by lag (1, 2, 4, ... below T); 1 for equal colours.

    Histogram intersection is sum over cells of min(p, q) (Swain and Ballard 1991, section 3). Real clips fall slowly
    with lag; clips whose frames are shuffled are flat; a drift or a flash falls fast.
    """
    histograms = torch.stack([_histograms(clip) for clip in as_tensor(clips)])
    lags = [2**power for power in range(histograms.shape[1].bit_length()) if 2**power < histograms.shape[1]]
    return {lag: float(torch.minimum(histograms[:, lag:], histograms[:, :-lag]).sum(-1).mean()) for lag in lags}


def colour_lag_error(similarity: dict[int, float], real: dict[int, float]) -> float:
    """Mean absolute difference of two curves of `colour_similarity` over the lags they share; 0 is best."""
    shared = similarity.keys() & real.keys()
    return sum(abs(similarity[lag] - real[lag]) for lag in shared) / len(shared) if shared else float("nan")


def _histograms(clip: Tensor) -> Tensor:
    """The share of pixels in each colour cell, (T, BINS^3), of frames (T, S, S, 3)."""
    levels = (clip.long() * BINS) // 256
    cells = (levels[..., 0] * BINS + levels[..., 1]) * BINS + levels[..., 2]
    counts = torch.zeros(len(clip), BINS**3).scatter_add_(1, cells.flatten(1), torch.ones(cells.flatten(1).shape))
    return counts / cells[0].numel()
