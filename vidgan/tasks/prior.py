"""What a repair generator knows before it has seen its subject: shipped weights, learnt from rendered people.

`benchmarks/prior.py` makes them. A network that knows how references of one person become a frame of that person has
only to learn the person.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from vidgan.resources import shipped_prior
from vidgan.subject.footage import Footage
from vidgan.subject.rig import BODY, FACE
from vidgan.tasks.repair import RepairConfig
from vidgan.train.checkpoint import read_network

PRIORS = {BODY: ("repair", "dancers"), FACE: ("repair-face", "heads")}
"""The shipped network of each rig, by its file's name, and whom it learnt from."""


def priors(config: RepairConfig) -> dict[str, Path]:
    """The shipped networks from which a run may start, whatever its rig, by their names.

    Raises DependencyError when one is not there.
    """
    if config.prior == "none" or config.network != "repair":
        return {}
    return {name: shipped_prior(name) for name, _ in PRIORS.values()}


class Prior(NamedTuple):
    """What a run starts from: weights and the file they are of, both None for random ones, and what to say of it."""

    weights: dict[str, Tensor] | None
    file: Path | None
    said: str


def load_prior(config: RepairConfig, footage: Footage) -> Prior:
    """What a run starts from.

    Only a generator of the shape of the shipped one of its rig can take its weights. Raises TrainingError when the file
    is damaged, DependencyError when there is none.
    """
    if config.prior == "none":
        return Prior(None, None, "from random weights, as asked")
    if config.network != "repair":
        return Prior(None, None, "from random weights")
    name, people = PRIORS[footage.rig]
    file = shipped_prior(name)
    weights, facts = read_network(file)
    for what, given in {"references": footage.references, "width": config.width, "depth": config.depth}.items():
        if given != facts[what]:
            said = f"from random weights: what is shipped was trained with {what} {facts[what]}, not {given}"
            return Prior(None, None, said)
    return Prior(weights, file, f"from what {facts['steps']} steps on rendered {people} taught")
