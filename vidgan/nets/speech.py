"""From a window of speech features to a mouth: a linear map, and a small temporal network that corrects it.

Legend: B windows, W feature frames of a window, D features, K coefficients of the mouth, M members of an ensemble.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

FOCUS = 0.6
"""The ends of a window count less: weights fall as a Gaussian of this many half lengths."""

STRIDE = 2
"""The linear map sees every second feature frame: neighbours say nearly the same."""


class MouthNetwork(nn.Module):
    """One member. The correction starts at zero, so that the network starts as the linear map that it is given
    (`set_linear`) and never changes: with seconds of footage that is the part to be trusted.
    """

    taper: Tensor
    matrix: Tensor
    offset: Tensor
    share: Tensor

    def __init__(self, size: int, window: int, outputs: int, width: int = 24, dropout: float = 0.6) -> None:
        super().__init__()
        place = torch.linspace(-1, 1, window)
        self.register_buffer("taper", torch.exp(-0.5 * (place / FOCUS).square())[:, None])
        self.register_buffer("matrix", torch.zeros(size * len(range(0, window, STRIDE)), outputs))
        self.register_buffer("offset", torch.zeros(outputs))
        self.register_buffer("share", torch.ones(()))
        layers: list[nn.Module] = []
        length, channels = window, size
        for _ in range(3):
            layers += [nn.Conv1d(channels, width, 5, stride=2, padding=2), nn.GELU()]
            length, channels = (length + 1) // 2, width
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(dropout))
        self.head = nn.Linear(length * width, outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def linear_view(self, windows: Tensor) -> Tensor:
        """What the linear map takes of (B, W, D): (B, I)."""
        return (windows * self.taper)[:, ::STRIDE].flatten(1)

    def set_linear(self, matrix: Tensor, offset: Tensor) -> None:
        """Take a linear map: (I, K) on `linear_view`, and an offset (K,)."""
        self.matrix.copy_(matrix)
        self.offset.copy_(offset)

    def correction(self, windows: Tensor) -> Tensor:
        """What the network would add to the linear map: (B, W, D) → (B, K); `share` of it is added."""
        out: Tensor = self.head(self.layers((windows * self.taper).transpose(1, 2)))
        return out

    def forward(self, windows: Tensor) -> Tensor:
        """(B, W, D) → (B, K)."""
        return self.linear_view(windows) @ self.matrix + self.offset + self.share * self.correction(windows)


class MouthEnsemble(nn.Module):
    """Members that differ by their first weights and by the examples they see; their mean errs least."""

    def __init__(
        self, members: int, size: int, window: int, outputs: int, width: int = 24, dropout: float = 0.6
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(MouthNetwork(size, window, outputs, width, dropout) for _ in range(members))

    def forward(self, windows: Tensor) -> Tensor:
        """(B, W, D) → (B, K)."""
        return torch.stack([member(windows) for member in self.members]).mean(0)
