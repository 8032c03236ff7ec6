"""The held-out end of real clips: frames that were never trained on, made from the rest of the clip in each way.

    python -m benchmarks.heldout dance.mp4 taichi.mp4 --budgets 1m,5m --ablations --json out/heldout.json
    python -m benchmarks.heldout dance.mp4 --steps 440      # equal steps, on a machine that does other work

For every clip the real stages run (pose, subject, train, heldout) in one work folder. The rows are those of the
held-out stage: the training frame with the nearest pose as it is, the draft, the trained generator at every budget, and
the same training on pose maps alone; with --ablations also (at the longest budget) without the discriminator, without
rollout, without the loss on change, and from random weights instead of the shipped ones. With --controls also what no
method should be: a frozen frame, the empty plate, the person as a flat patch of one colour, the footage blurred. With
--blurred flicker is also measured with frames and footage blurred alike, by Gaussians of 1, 2 and 4 pixels of the
window: what a method does not show cannot flicker. With --full-size frames are also made and scored over the plate as
finely as references are kept, as in a video: a network sees less. Scores are on the person's box; perceptual distance
and flicker: lower is better. Every run has a process of its own; longer budgets first, so that no run goes on from a
shorter one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import tee
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from benchmarks.common import (
    FILE,
    FOLDER,
    JSON_OPTION,
    STEPS_OPTION,
    Finished,
    Row,
    finish,
    in_child,
    lengths,
    mean_rows,
    peak_memory,
    run_stages,
    say,
)
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.flicker import Flicker
from vidgan.metrics.video import VideoScores
from vidgan.stages.heldout import HeldoutConfig, person_box, to_make
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, Footage, Picture, Positions
from vidgan.subject.model import Subject, plate_in
from vidgan.subject.reconstruct import Painter
from vidgan.subject.references import ReferenceConfig

BLURS = (1.0, 2.0, 4.0)
PAINTED = ("draft", "trained")

DIGITS = {
    "perceptual": 3, "ssim": 3, "sharpness": 2, "perceptual, full size": 3, "steps": 0, "peak MB": 0
}  # fmt: skip

ABLATIONS = {
    "without discriminator": ("train.adversarial_weight=0", "train.matching_weight=0"),
    "without rollout": ("train.rollout=1", "train.discriminator_frames=1"),
    "without loss on change": ("train.change_weight=0",),
    "from random weights": ("train.prior=none",),
}


@dataclass(frozen=True)
class Training:
    """A trained row: its name and settings."""

    name: str
    overrides: tuple[str, ...]


def trainings(budgets: Sequence[str], steps: int | None, ablations: bool) -> list[Training]:
    """What is trained, in the order of the table: for every length of time, or for a number of steps instead."""
    chosen, rows = lengths(budgets, steps), []
    for name, given in chosen:
        rows.append(Training(f"pose maps only, {name}", (given, "train.network=pose-only")))
        rows.append(Training(f"standard, {name}", (given,)))
    if ablations and chosen:
        name, given = chosen[-1]
        rows += [Training(f"{part}, {name}", (given, *extra)) for part, extra in ABLATIONS.items()]
    return rows


def run_clip(
    clip: Path,
    work: Path,
    training: Training | None,
    share: float,
    frames: int,
    seed: int,
    settings: Sequence[str] = (),
    controlled: bool = False,
    blurred: bool = False,
    full: bool = False,
) -> list[Row]:
    """The rows of one run: the trained generator's, or without training those of the nearest pose and the draft."""
    overrides = [f"heldout.held_out={share}", f"train.held_out={share}", f"heldout.frames={frames}"]
    overrides += [*settings, *(training.overrides if training else ())]
    preset = "standard" if training else "draft"
    stages = run_stages(["heldout"], {"target": clip}, work, preset=preset, overrides=overrides, seed=seed)
    facts = stages["heldout"].facts
    shared = {"peak MB": peak_memory(stages), "feature network": facts["feature_network"]}
    wanted = ["trained"] if training else list(facts["heldout"])
    made = {way: dict(facts["heldout"][way]) for way in wanted}
    if blurred or full:
        footage, generator, held = made_from(stages)
        for way, scores in made.items():
            if blurred:
                scores.update(by_scale(footage.ways(generator, held)[way], footage.truth(held)))
            if full and way in PAINTED:
                scores.update(full_size(footage, generator, held, way))
    if training is None:
        rows = [{"method": way, **scores, **shared} for way, scores in made.items()]
        return rows + (controls(stages["subject"].dir, share, frames) if controlled else [])
    steps = stages["train"].facts["steps"]
    return [{"method": training.name, **made["trained"], "steps": steps, **shared}]


def made_from(stages: Mapping[str, Finished]) -> tuple[Footage, nn.Module | None, Positions]:
    """What the held-out stage made its frames from: the footage, the generator, and their positions."""
    manifest = stages["heldout"].manifest
    model = stages["train"].dir if "train" in stages else None
    config = HeldoutConfig.model_validate(manifest.config)
    return to_make(stages["subject"].dir, model, config, manifest.device)


def full_size(footage: Footage, generator: nn.Module | None, held: Positions, way: str) -> Row:
    """Scores of held-out frames as a video shows them: a draft, or the trained generator's, at the references' size.

    The truth is the person as filmed over the plate, so what is about them does not count.
    """
    assert isinstance(footage, BodyFootage)
    subject, motion = footage.subject, footage.subject.motion[held]
    size, device = subject.references.shape[1], footage.device
    painter = Painter(subject, generator if way == "trained" else None, footage.reference_config, device)
    plates, under = tee(plate_in(subject.plate, window, size) for window in motion.windows)
    frames = painter.paint(motion, painter.choose(motion, footage.train), plates, size)
    scores = VideoScores(PerceptualLoss("auto", device))
    for (picture, _), plate, filmed in zip(frames, under, subject.references[held], strict=True):
        matte = filmed[..., 3:] / 255
        truth = (matte * filmed[..., :3] + (1 - matte) * plate).round().astype(np.uint8)
        scores.update(picture.picture, truth, person_box(filmed[..., 3]))
    found = scores.result()
    return {f"{name}, full size": found[name] for name in ("perceptual", "sharpness", "flicker")}


def by_scale(pictures: Iterable[Picture], crops: NDArray[np.uint8]) -> Row:
    """Flicker on the person's box with frames and footage, (n, S, S, 4) with its mattes, blurred alike."""
    flickers = {sigma: Flicker() for sigma in BLURS}
    for made, crop in zip(pictures, crops, strict=True):
        region = person_box(crop[..., 3]).mask(*crop.shape[:2])
        pair = [np.ascontiguousarray(one, np.float32) for one in (made.picture, crop[..., :3])]
        for sigma, flicker in flickers.items():
            ours, theirs = (cv2.GaussianBlur(one, (0, 0), sigma).astype(np.float32) for one in pair)
            flicker.update(ours, theirs, region)
    return {f"flicker, blurred {sigma:g}": flicker.value for sigma, flicker in flickers.items()}


def controls(subject: Path, share: float, frames: int) -> list[Row]:
    """What the scores say of pictures that are no result: how low flicker falls where there is little to see."""
    footage = BodyFootage(Subject.load(subject), share, ReferenceConfig(), ExampleConfig(), "cpu")
    held, perceptual = footage.held[:frames], PerceptualLoss("auto", "cpu")
    crops, plates = footage.truth(held), footage.subject.plate_crops[held]
    truth = np.ascontiguousarray(crops[..., :3])
    matte = crops[..., 3:] / 255
    colour = truth[crops[..., 3] > 127].mean(0)
    pictures = {
        "a frozen frame": np.broadcast_to(truth[:1], truth.shape),
        "the empty plate": plates,
        "a flat patch": (matte * colour + (1 - matte) * plates).astype(np.uint8),
        "the footage, blurred": np.stack([cv2.GaussianBlur(one, (0, 0), 2) for one in truth]),
    }
    rows = []
    for name, made in pictures.items():
        scores = VideoScores(perceptual)
        for one, true, crop in zip(made, truth, crops, strict=True):
            scores.update(one, true, person_box(crop[..., 3]))
        rows.append({"method": name, **scores.result(), "feature network": perceptual.feature_network})
    return rows


@click.command()
@click.argument("clips", nargs=-1, required=True, type=FILE)
@click.option("--budgets", default="5m", show_default=True, help="Times of training; empty for none.")
@STEPS_OPTION
@click.option("--ablations", is_flag=True, help="Also train without single parts, at the longest budget.")
@click.option("--controls", "controlled", is_flag=True, help="Also score pictures that are no result.")
@click.option("--blurred", is_flag=True, help="Also measure flicker blurred by 1, 2 and 4 pixels.")
@click.option("--full-size", "full", is_flag=True, help="Also make and score them as finely as in a video.")
@click.option("--held-out", default=0.3, show_default=True, help="Share of each clip, at its end, never trained on.")
@click.option("--frames", default=120, show_default=True, help="At most so many held-out frames are made.")
@click.option("--seed", default=0, show_default=True)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="One setting of all rows; may be repeated.")
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/heldout"), show_default=True, help="Work folder.")
@JSON_OPTION
def main(
    clips: tuple[Path, ...], budgets: str, steps: int | None, ablations: bool, controlled: bool, blurred: bool,
    full: bool, held_out: float, frames: int, seed: int, settings: tuple[str, ...], work: Path, json_file: Path | None,
) -> None:  # fmt: skip
    """Make the held-out end of CLIPS from the rest of them, in each way."""
    chosen = trainings(budgets.split(","), steps, ablations)
    rows: list[Row] = []
    for clip in clips:
        found: dict[str, list[Row]] = {}
        for training in [*reversed(chosen), None]:
            name = training.name if training else "baselines"
            say(f"{clip.name}: {name}")
            found[name] = in_child(
                run_clip, clip, work, training, held_out, frames, seed, settings, controlled, blurred, full
            )
        ordered = found["baselines"] + [row for training in chosen for row in found[training.name]]
        rows += [{"clip": clip.name} | row for row in ordered]
    network = rows[0]["feature network"]
    hidden = ("clip", "feature network")
    shown = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    for clip in clips:
        mine = [row for row, whole in zip(shown, rows, strict=True) if whole["clip"] == clip.name]
        finish(f"{clip.name}, last {held_out:.0%}, perceptual distance in {network} features", mine, DIGITS, None)
    title = f"mean over {len(clips)} clips, perceptual distance in {network} features"
    finish(title, mean_rows(shown, "method"), DIGITS, json_file, per_clip=rows)


if __name__ == "__main__":
    main()
