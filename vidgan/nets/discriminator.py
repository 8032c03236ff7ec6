"""The conditional discriminator over consecutive (pose, frame) tuples."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.nets.blocks import spectral_conv


class TupleDiscriminator(nn.Module):
    """Judges patches of n consecutive frames with their poses (Chan et al. 2019, section 3.2; patches of Isola et al.
    2017, spectral norm of Miyato et al. 2018).

    The frames and pose pictures of a tuple are stacked along the channels.
    """

    def __init__(self, inputs: int, width: int = 48, layers: int = 3) -> None:
        super().__init__()
        widths = [inputs] + [width * 2**i for i in range(layers)]
        self.layers = nn.ModuleList(spectral_conv(a, b, 4, 2) for a, b in pairwise(widths))
        self.verdict = spectral_conv(widths[-1], 1, 3, 1)

    def forward(self, tuples: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, n * (poses + 3), H, W) → patch logits (B, 1, h, w) and the features before them."""
        features: list[Tensor] = []
        x = tuples
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            features.append(x)
        return self.verdict(x), features
