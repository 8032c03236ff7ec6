"""What a repair generator knows before it has seen its subject: shipped weights, learnt from rendered dancers.

`benchmarks/prior.py` makes them. A network that knows how references of one person become a frame of that person has
only to learn the person.
"""

from __future__ import annotations

from torch import Tensor

from vidgan.resources import shipped_prior
from vidgan.subject.footage import Footage
from vidgan.subject.rig import BODY
from vidgan.tasks.repair import RepairConfig
from vidgan.train.checkpoint import read_network


def load_prior(config: RepairConfig, footage: Footage) -> tuple[dict[str, Tensor] | None, str]:
    """The weights a run starts from, None for random ones, and what to say of it.

    Only a body's generator of the shipped one's shape can take them. Raises TrainingError when the file is damaged,
    DependencyError when there is none.
    """
    if config.prior == "none":
        return None, "from random weights, as asked"
    if footage.rig is not BODY or config.network != "repair":
        return None, "from random weights"
    weights, facts = read_network(shipped_prior())
    for name, given in {"references": footage.references, "width": config.width, "depth": config.depth}.items():
        if given != facts[name]:
            return None, f"from random weights: what is shipped was trained with {name} {facts[name]}, not {given}"
    return weights, f"from what {facts['steps']} steps on rendered dancers taught"
