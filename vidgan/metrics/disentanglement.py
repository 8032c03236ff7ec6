"""Disentanglement: the same theme with new motion keeps the person, the same motion with a new theme keeps the action.

Legend: G themes or motions, V variants of each, D features.

Made from a table of clips: G groups, each of V clips that share one latent and differ in the other.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kept_ratio(features: Tensor) -> float:
    """Mean distance inside a group over mean distance between groups, of features (G, V, D), G and V at least 2.

    0: what is shared decides the features altogether; 1: it says nothing about them. NaN when all features are equal.
    """
    groups, variants = features.shape[:2]
    if groups < 2 or variants < 2:
        return float("nan")
    distances = torch.cdist(features.double().flatten(0, 1), features.double().flatten(0, 1))
    group = torch.arange(groups).repeat_interleave(variants)
    same = group[:, None] == group[None]
    others = ~torch.eye(len(group), dtype=torch.bool)
    between = float(distances[~same].mean())
    return float(distances[same & others].mean()) / between if between > 0 else float("nan")


def kept_agreement(classes: Tensor) -> float:
    """The share of pairs inside a group that are of one class, of predicted classes (G, V), V at least 2."""
    variants = classes.shape[1]
    if variants < 2:
        return float("nan")
    pairs = classes[:, :, None] == classes[:, None, :]
    return float((pairs.sum() - classes.numel()) / (classes.shape[0] * variants * (variants - 1)))
