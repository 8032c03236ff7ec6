"""Class accuracy: does a sample asked to be of a class move like the real clips of that class?

Legend: N clips, A action features, K classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

WEIGHT_DECAY = 1e-3
ITERATIONS = 100
FLOOR = 1e-3
"""Share of the mean spread below which a feature's own spread is not trusted."""


class ActionClassifier:
    """Logistic regression on `VideoFeatures.action` of the real training clips; deterministic.

    It sees where in the picture which features move, not colours or people. Say its accuracy on held-out real clips
    beside every score: a sample cannot be judged better than a real clip is.

    Args:
        action: features (N, A).
        labels: classes (N,) int64 in 0..K-1; each class counts the same, however many clips it has.
        classes: K.
    """

    def __init__(self, action: Tensor, labels: Tensor, classes: int) -> None:
        self.mean = action.mean(0)
        spread = action.std(0, correction=0)
        self.scale = (spread + FLOOR * spread.mean() + torch.finfo(torch.float32).tiny) * math.sqrt(action.shape[1])
        counts = torch.bincount(labels, minlength=classes)
        self.weights = _fit(self._inputs(action), labels, len(labels) / (counts.clamp(min=1) * classes))

    def predict(self, action: Tensor) -> Tensor:
        """The likeliest class (N,) of features (N, A)."""
        return (self._inputs(action) @ self.weights).argmax(1)

    def accuracy(self, action: Tensor, labels: Tensor) -> float:
        """The share of clips, in [0, 1], that move like the class they are said to be of."""
        return float((self.predict(action) == labels).float().mean())

    def _inputs(self, action: Tensor) -> Tensor:
        """Standardised features and a constant, (N, A + 1)."""
        return functional.pad((action - self.mean) / self.scale, (0, 1), value=1.0)


def _fit(inputs: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """The weights (A + 1, K) of least cross entropy plus decay, from zero by L-BFGS (a convex problem)."""
    weights = torch.zeros(inputs.shape[1], len(class_weights), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        with torch.enable_grad():
            loss = functional.cross_entropy(inputs @ weights, labels, class_weights.float())
            loss = loss + WEIGHT_DECAY * weights[:-1].square().sum()
        loss.backward()
        return loss

    optimiser.step(closure)  # type: ignore[arg-type]
    return weights.detach()
