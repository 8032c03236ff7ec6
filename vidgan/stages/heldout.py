"""The held-out stage: how well the subject's own unseen frames are made, next to the baselines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from vidgan.config import Config
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.frames import Box, Mask
from vidgan.metrics.video import VideoScores
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.train import load_footage, load_generator
from vidgan.subject.footage import ExampleConfig, Footage, Positions
from vidgan.subject.references import ReferenceConfig

MARGIN = 6


class HeldoutConfig(Config):
    """The share of the clip that is held out when nothing was trained (a trained generator says its own), and at most
    how many of its frames are made.
    """

    held_out: float = Field(0.15, gt=0, lt=1)
    frames: int = Field(60, ge=2)
    references: ReferenceConfig = ReferenceConfig()


class HeldoutStage(Stage[HeldoutConfig]):
    """Inputs: `subject`, `model` (train or None). No files.

    The facts hold `heldout`, a row of scores on the person's box for the nearest-pose frame, the draft and the trained
    generator, and the feature network of the perceptual distance.
    """

    name = "heldout"
    version = 13
    Config: ClassVar[type[Config]] = HeldoutConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Make the held-out frames from the rest of the clip in each way."""
        footage, generator, held = to_make(
            context.input("subject"), context.inputs["model"], self.config, context.device
        )
        perceptual = PerceptualLoss("auto", context.device)
        ways, crops = footage.ways(generator, held), footage.truth(held)
        context.progress.start("held-out frames", len(ways) * len(held))
        table = {}
        for way, pictures in ways.items():
            scores = VideoScores(perceptual)
            for crop, picture in zip(crops, pictures, strict=True):
                truth, mask = np.ascontiguousarray(crop[..., :3]), crop[..., 3]
                scores.update(picture.picture, truth, person_box(mask))
                context.progress.advance()
            table[way] = scores.result()
        doubt = doubted(table)
        if doubt:
            context.progress.warn(doubt)
        return {
            "heldout": table,
            "feature_network": perceptual.feature_network,
            "frames_held_out": len(held),
            "frames_used": len(footage.train),
        }


def to_make(
    subject: Path, model: Path | None, config: HeldoutConfig, device: str
) -> tuple[Footage, nn.Module | None, Positions]:
    """The footage of the subject, the trained generator (None without a model), and the positions that are made."""
    generator, facts = load_generator(model, device) if model else (None, {})
    share = facts.get("held_out", config.held_out)
    references = config.references.with_count(facts.get("references"))
    examples = ExampleConfig(apart=facts.get("apart", ExampleConfig().apart))
    footage = load_footage(subject, share, references, examples, device)
    return footage, generator, footage.held[: config.frames]


def doubted(table: Mapping[str, Mapping[str, float | None]]) -> str | None:
    """What to say of a training whose held-out frames are no nearer to the truth than the draft's; None of a better."""
    trained, draft = (table.get(way, {}).get("perceptual") for way in ("trained", "draft"))
    if trained is None or draft is None or trained < draft:
        return None
    return (
        f"what was learnt makes frames that were held out no better than the draft does (perceptual distance "
        f"{trained:.3f} and {draft:.3f}): --quality draft gives the same sooner, a longer --budget may learn more"
    )


def person_box(mask: Mask) -> Box:
    """The box of a matte (H, W) 0-255, a little wider; empty when nobody is in it."""
    rows, columns = np.flatnonzero((mask > 60).any(1)), np.flatnonzero((mask > 60).any(0))
    if not len(rows):
        return Box(0, 0, 0, 0)
    height, width = mask.shape
    return Box(
        max(0, int(columns[0]) - MARGIN),
        max(0, int(rows[0]) - MARGIN),
        min(width, int(columns[-1]) + 1 + MARGIN),
        min(height, int(rows[-1]) + 1 + MARGIN),
    )
