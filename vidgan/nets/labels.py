"""Class labels as networks take them: (B,) integers in [0, classes), or None for a network without classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def check_label(label: Tensor | None, classes: int) -> None:
    """Raises ValueError when there are classes and no labels, or labels and no classes."""
    if classes and label is None:
        raise ValueError(f"a network of {classes} classes needs labels")
    if not classes and label is not None:
        raise ValueError("a network without classes takes no labels")


def one_hot(label: Tensor | None, classes: int) -> Tensor | None:
    """(B,) → (B, classes) in {0, 1}, float32; None without classes. Raises as `check_label`."""
    check_label(label, classes)
    return None if label is None else F.one_hot(label, classes).float()


def with_label(latent: Tensor, label: Tensor | None, classes: int) -> Tensor:
    """(B, Z) → (B, Z + classes), the one-hot label behind the latent. Raises as `check_label`."""
    hot = one_hot(label, classes)
    return latent if hot is None else torch.cat([latent, hot.to(latent.dtype)], 1)
