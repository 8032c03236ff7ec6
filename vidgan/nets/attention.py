"""Self-attention over the places of a picture."""

from __future__ import annotations

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm


class SelfAttention(nn.Module):
    """Zhang et al. (2019, "Self-Attention Generative Adversarial Networks", section 3, eqs. 1-3).

    o_j = v(Σ_i softmax_i(f(x_i)ᵀ g(x_j)) h(x_i)) and y = γ o + x, with f, g, h of C / 8 channels and γ = 0 at the
    start. All four 1x1 convolutions have spectral norm; the products are not divided by the root of their length.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 8, 1)
        self.key = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))  # f
        self.query = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))  # g
        self.value = spectral_norm(nn.Conv2d(channels, inner, 1, bias=False))  # h
        self.out = spectral_norm(nn.Conv2d(inner, channels, 1, bias=False))  # v
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same."""
        query, key, value = (
            rearrange(part(x), "n c h w -> n 1 (h w) c") for part in (self.query, self.key, self.value)
        )
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        seen = rearrange(seen, "n 1 (h w) c -> n c h w", h=x.shape[2])
        return torch.addcmul(x, self.gain.to(x.dtype), self.out(seen).to(x.dtype))
