"""The area under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def auc(positives: Sequence[float] | NDArray[np.float64], negatives: Sequence[float] | NDArray[np.float64]) -> float:
    """The chance that a positive scores above a negative, ties counting half: the Mann-Whitney statistic (Hanley and
    McNeil 1982). Scores are finite numbers, in any order.

    Raises:
        ValueError: one side has no score.
    """
    high, low = np.asarray(positives, np.float64), np.sort(np.asarray(negatives, np.float64))
    if not len(high) or not len(low):
        raise ValueError("an AUC needs scores of both kinds")
    below = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(below.mean() / (2 * len(low)))
