"""Checkpoints that are whole or not there, and load without running anybody's code."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from vidgan.errors import TrainingError


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values; a kill at any moment leaves the old file or the new one."""
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(dict(state), file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def load_checkpoint(path: Path, device: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint. Raises TrainingError when it is damaged or holds anything but tensors and plain values."""
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise TrainingError(f"{path}: the checkpoint cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged pickle fails in any way
        raise TrainingError(f"{path}: the checkpoint is damaged; delete it to train anew") from error
    if not isinstance(state, dict):
        raise TrainingError(f"{path}: not a checkpoint of vidgan; delete it to train anew")
    return state


def save_network(path: Path, network: nn.Module, facts: Mapping[str, Any]) -> None:
    """Write a network's weights as safetensors, with JSON-able facts (its shape, the feature network) in the header."""
    temporary = path.with_suffix(".tmp")
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(weights, temporary, metadata={"facts": json.dumps(dict(facts))})
    temporary.replace(path)


def read_network(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The weights and facts written by `save_network`. Raises TrainingError when the file is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise TrainingError(f"{path}: not a readable network file ({error})") from error
