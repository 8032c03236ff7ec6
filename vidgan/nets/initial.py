"""The weights a network starts from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

Init = Literal["auto", "uniform", "normal", "he", "orthogonal"]
"""uniform: U(-0.01, 0.01), TGAN's; normal: N(0, 0.02²), DCGAN's (Radford et al. 2016, section 3); he: for leaky ReLUs
of slope 0.2 (He et al. 2015); orthogonal (Saxe et al. 2014). `auto` leaves the choice to the architecture."""

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

    Call it before spectral norm is laid over the weights or after; norms and a layer's own parameters stay.
    """
    for module in network.modules():
        if isinstance(module, _FILLED):
            _FILL[how](_weight(module))
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]


def _weight(module: nn.Module) -> Tensor:
    """The parameter behind the weight, also where a parametrisation such as spectral norm stands before it."""
    parametrisations = getattr(module, "parametrizations", None)
    return parametrisations.weight.original if parametrisations is not None else module.weight  # type: ignore
