"""The train stage: a generator for one subject, from the subject's own footage."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.manifest import file_digest
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, Footage
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig
from vidgan.subject.takes import TAKES, TakeFootage, Takes
from vidgan.tasks.prior import load_prior, priors
from vidgan.tasks.repair import RepairConfig, RepairTask, build_generator
from vidgan.train.checkpoint import read_network, save_network
from vidgan.train.engine import choose_precision, launch
from vidgan.train.loop import train

WEIGHTS = "generator.safetensors"


class TrainStage(Stage[RepairConfig]):
    """Input: `subject`. Files: `generator.safetensors` (the averaged state that was kept, its shape in the header),
    `stats.jsonl`, `tensorboard/`, `previews/`, `checkpoint.pt` and `best.pt`, from which a longer run goes on.

    Facts: prior (the SHA-256 of the shipped weights it began from, None for random ones), steps, seconds, parameters,
    device, precision and the feature network, each with its reason.
    """

    name = "train"
    seeded = True
    version = 17
    Config: ClassVar[type[Config]] = RepairConfig

    def shipped(self) -> dict[str, Path]:
        """See `Stage.shipped`."""
        return priors(self.config)

    def run(self, context: StageContext) -> dict[str, Any]:
        """Train until the budget is spent."""
        config = self.config
        footage = load_footage(
            context.input("subject"), config.held_out, config.references, config.examples, context.device
        )
        least = 4 * config.rollout
        if len(footage.frames) < least:
            raise PersonError(
                f"there are {len(footage.frames)} frames to learn from, training needs {least}: give a longer clip, or "
                "use --quality draft"
            )
        precision, why = choose_precision(config.precision, context.device)
        prior = load_prior(config, footage)
        task = RepairTask(footage, config, launch(context.device, precision), context.seed, prior.weights)
        if not len(task.starts):
            raise PersonError(
                f"what is learnt from never shows the person in {config.rollout} frames in a row, training needs that: "
                "give a clip that keeps the person in view, or use --quality draft"
            )
        context.progress.note(
            f"training on {context.device} in {precision} ({why}), {prior.said}, {task.batch} sequences to a step, "
            f"perceptual loss on {task.perceptual.feature_network}"
        )
        run, best = train(task, config, context.dir, context.progress, context.previous)
        task.ema.network.load_state_dict(best["ema"])
        facts = {
            "network": config.network,
            "prior": file_digest(prior.file) if prior.file else None,
            "size": footage.size,
            "maps": footage.rig.maps,
            "references": footage.references,
            "width": config.width,
            "depth": config.depth,
            "held_out": config.held_out,
            "apart": config.examples.apart,
            "feature_network": task.perceptual.feature_network,
            "steps": run.step,
            "best_step": run.best_step,
            "seconds": round(run.elapsed, 1),
            "parameters": sum(value.numel() for value in task.ema.network.parameters()),
            "batch": task.batch,
            "device": context.device,
            "precision": precision,
        }
        save_network(context.dir / WEIGHTS, task.ema.network, facts)
        return facts


def load_footage(
    folder: Path, held_out: float, references: ReferenceConfig, examples: ExampleConfig, device: str
) -> Footage:
    """What a stage that gathers footage wrote: a subject, or takes, which say themselves what is held out."""
    if (folder / TAKES).exists():
        return TakeFootage(Takes.load(folder), examples, device)
    return BodyFootage(Subject.load(folder), held_out, references, examples, device)


def load_generator(folder: Path, device: str) -> tuple[nn.Module, dict[str, Any]]:
    """The generator of a finished train stage, ready to paint, and its facts."""
    weights, facts = read_network(folder / WEIGHTS)
    generator = build_generator(facts["network"], facts["maps"], facts["references"], facts["width"], facts["depth"])
    generator.load_state_dict(weights)
    generator = generator.to(memory_format=torch.channels_last).to(device)
    return generator.eval().requires_grad_(False), facts
