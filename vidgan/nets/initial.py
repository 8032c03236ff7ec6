"""The weights a network starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

Init = Literal["auto", "uniform", "normal", "he", "orthogonal"]
"""uniform: U(-0.01, 0.01), TGAN's; normal: N(0, 0.02²), DCGAN's (Radford et al. 2016, section 3); he: for leaky ReLUs
of slope 0.2 (He et al. 2015); orthogonal (Saxe et al. 2014). `auto` leaves the choice to the architecture."""

POWER_ITERATIONS = 15
_FILL: dict[str, Callable[[Tensor], Tensor]] = {
    "uniform": lambda weight: nn.init.uniform_(weight, -0.01, 0.01),
    "normal": lambda weight: nn.init.normal_(weight, 0.0, 0.02),
    "he": lambda weight: nn.init.kaiming_normal_(weight, a=0.2, mode="fan_in"),
    "orthogonal": nn.init.orthogonal_,
}
_FILLED = (
    nn.Linear,
    nn.Embedding,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
)


def initialise(network: nn.Module, how: Init) -> None:
    """Fill the weights of all linear layers, embeddings and convolutions; biases become 0.

    Norms, and parameters of other modules, stay. Where spectral norm lies over a weight, its estimate is renewed.
    """
    for module in network.modules():
        if isinstance(module, _FILLED):
            _fill_weight(module, _FILL[how])
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]


@torch.no_grad()
def _fill_weight(module: nn.Module, fill: Callable[[Tensor], Tensor]) -> None:
    if not is_parametrized(module, "weight"):
        fill(module.weight)  # type: ignore[arg-type]
        return
    fill(module.parametrizations.weight.original)  # type: ignore
    for _ in range(POWER_ITERATIONS):
        module.weight  # noqa: B018 - each look at it is one power iteration
