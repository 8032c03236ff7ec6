"""What `vidgan train --dry-run` says: networks, clips and steps, without training or writing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vidgan.clips.find import find_footage
from vidgan.clips.model import Clip
from vidgan.clips.split import matched, with_classes
from vidgan.errors import MediaError
from vidgan.nets.critics import build_critic
from vidgan.nets.video import build_generator
from vidgan.runs.folder import FACTS
from vidgan.train.checkpoint import load_checkpoint
from vidgan.video.limits import current_limits

if TYPE_CHECKING:
    from vidgan.runs.training import Training


def describe(training: Training) -> dict[str, dict[str, Any]]:
    """Sections of names and values. Raises MediaError when there is nothing to train on."""
    config = training.config
    clips, classes = _clips(training)
    with torch.random.fork_rng(devices=[]):
        generator = build_generator(config.generator, len(classes) if config.conditional else 0)
        critic = build_critic(
            config.critic, config.generator.size, config.generator.frames, len(classes) if config.conditional else 0
        )
    return {
        "run": {"folder": str(training.folder), "state": _state(training), "seed": training.seed},
        "clips": clips,
        "generator": {
            "image": config.generator.image,
            "size": f"{config.generator.frames} frames of {config.generator.size}x{config.generator.size}",
            "temporal parameters": parameters(generator.temporal),
            "image parameters": parameters(generator.image),
        },
        "critic": {"kind": config.critic.kind, "norm": config.critic.norm, "parameters": parameters(critic)},
        "training": {
            "objective": config.objective,
            "batch": config.batch,
            "until": f"{config.steps} steps" if config.steps else f"{config.budget:.0f} s of training",
            "device": training.device,
            "processes": training.devices,
        },
    }


def parameters(network: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(it.numel() for it in network.parameters())


def _clips(training: Training) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is found in the folder by its names; nothing is decoded yet."""
    source, config = training.source, training.config.clips
    if not source.exists():
        raise MediaError(f"{source}: no such folder; give a folder of videos, image strips or frame folders")
    if source.is_file():
        return {"source": f"{source} (an archive, read when training begins)"}, ()
    found = find_footage(source, config, current_limits())
    if not found.footage:
        raise MediaError(f"{source}: no clips in it; give a folder of videos, image strips or frame folders")
    names = [it.name for it in found.footage]
    rule = config.label
    if rule not in ("auto", "none"):
        names = [name for name in names if matched(rule, name) is not None]
    _, classes = with_classes([Clip(name, 0, 1) for name in names], rule)
    kinds = Counter(it.kind for it in found.footage)
    facts: dict[str, Any] = {"source": str(source), **{f"{kind} clips": count for kind, count in kinds.items()}}
    facts["classes"] = ", ".join(classes) or "none"
    facts["window"] = f"{config.frames} frames, {config.stride} apart"
    if found.skipped:
        facts["left out"] = len(found.skipped)
    return facts, classes


def _state(training: Training) -> str:
    checkpoint = training.folder / "checkpoint.pt"
    if checkpoint.exists():
        return f"goes on from step {load_checkpoint(checkpoint)['run']['step']}"
    return "goes on" if (training.folder / FACTS).exists() else "new"
