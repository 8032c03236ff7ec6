"""Disentanglement: the same theme with new motion keeps the person, the same motion with a new theme keeps the action.

Legend: N clips, D features.

Made from clips of every pairing of some themes with some motions: `group` numbers what is shared (the theme, say) and
`other` what is not (the motion). Real clips have the same form, with people and actions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kept_ratio(features: Tensor, group: Tensor, other: Tensor) -> float:
    """Mean distance of features (N, D) inside a group over that between groups, both between clips of different others.

    0: what is shared decides the features altogether; 1: it says nothing about them. NaN when there are no such pairs,
    or all features are equal. `group` and `other` are (N,) int64.
    """
    inside, between = _pairs(group, other)
    distances = torch.cdist(features.double(), features.double())
    if not inside.any() or not between.any() or not distances[between].any():
        return float("nan")
    return float(distances[inside].mean() / distances[between].mean())


def kept_agreement(classes: Tensor, group: Tensor, other: Tensor) -> float:
    """How much more often pairs inside a group are of one class than pairs between groups, all of different others.

    (inside - between) / (1 - between) of the two shares, as Cohen's kappa corrects for chance: 1 when the group decides
    the class, 0 when it does not, also when everything is of one class. NaN when there are no such pairs. `classes`
    (N,) are what a classifier says.
    """
    inside, between = _pairs(group, other)
    if not inside.any() or not between.any():
        return float("nan")
    agree = (classes[:, None] == classes[None]).double()
    kept, chance = float(agree[inside].mean()), float(agree[between].mean())
    return (kept - chance) / (1 - chance) if chance < 1 else 0.0


def _pairs(group: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Which pairs (N, N) are inside a group and which between, their others being different."""
    same, apart = group[:, None] == group[None], other[:, None] != other[None]
    return same & apart, ~same & apart
