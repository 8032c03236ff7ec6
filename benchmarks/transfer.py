"""Transfer between synthetic performers, where the true answer is known: every method against it, side by side.

    python -m benchmarks.transfer --seeds 0,1 --budgets 1m,5m --json out/transfer.json

For every seed a pair is rendered (or reused from --pairs DIR/seedN, made by `vidgan performers`). Every method runs the
real stages in one work folder, so pose and subject are made once, and its finished video is compared with truth.mp4 on
the person's box (of the exact masks): perceptual distance, SSIM, PSNR, flicker (difference of frame-to-frame change),
IoU of the person's mask and pose error in % of the person's height (both found again in the video by MediaPipe, against
the exact ones; the row `truth` is what the detector itself adds), `asked %`, the same against the retargeted track that
the video should show, seconds of all stages from nothing, and peak memory of any stage.

`nearest pose` shows, for every driving frame, the target's frame with the nearest pose, whole, moved and scaled to
where the person should be. `pose maps only` is the same training without warped references (Everybody Dance Now's
way). Every method runs in a process of its own; longer budgets first, so that no run goes on from a shorter one.

Where in the target's room the person stands is not in the two clips: the retargeted track is moved by a constant to the
truth's mean place (`moved` in the JSON, pixels), unless `--as-placed` is given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.common import (
    FOLDER,
    JSON_OPTION,
    STEPS_OPTION,
    Row,
    finish,
    in_child,
    lengths,
    mean_rows,
    peak_memory,
    run_stages,
    say,
    total_seconds,
)
from benchmarks.truth import make_pair, nearest_pose_video, score
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.pose.track import PoseTrack
from vidgan.subject.model import Subject
from vidgan.video.read import ClipReader

PLACED = {"retarget": "benchmarks.truth:PlacedRetargetStage"}
HIDDEN = ("seed", "feature network", "moved")
DIGITS = {"perceptual": 3, "ssim": 3, "mask iou": 3, "seconds": 0, "peak MB": 0}


@dataclass(frozen=True)
class Method:
    """A row of the table: a preset with settings over it, or one of the two that run no generator at all."""

    name: str
    preset: str = "draft"
    overrides: tuple[str, ...] = ()


def methods(budgets: Iterable[str], steps: int | None = None) -> list[Method]:
    """Every method, in the order of the table, trained for every length of time, or for a number of steps instead."""
    rows = [Method("truth"), Method("nearest pose"), Method("draft")]
    for name, given in lengths(budgets, steps):
        rows.append(Method(f"pose maps only, {name}", "standard", (given, "train.network=pose-only")))
        rows.append(Method(f"standard, {name}", "standard", (given,)))
    return rows


def run_method(method: Method, pair: Path, work: Path, seed: int, device: str, as_placed: bool = False) -> Row:
    """Make a method's video and score it."""
    files = {"source": pair / "source.mp4", "target": pair / "target.mp4"}
    loss = PerceptualLoss("auto")
    row: Row = {"method": method.name}
    facts: Row = {"feature network": loss.feature_network}
    if method.name == "truth":
        with ClipReader(pair / "truth.mp4") as clip:
            return row | score((frame.rgb for frame in clip), pair, loss) | facts
    last = "retarget" if method.name == "nearest pose" else "encode"
    overrides = method.overrides + (() if as_placed else (f"retarget.truth={pair / 'poses.json'}",))
    stages = run_stages(
        [last], files, work, preset=method.preset, overrides=overrides, seed=seed, device=device,
        instead={} if as_placed else PLACED,
    )  # fmt: skip
    facts["moved"] = stages["retarget"].facts.get("moved")
    cost = {"seconds": total_seconds(stages), "peak MB": peak_memory(stages)}
    if "train" in stages:
        facts |= {name: stages["train"].facts[name] for name in ("steps", "best_step")}
    asked = PoseTrack.load(stages["retarget"].dir / "track.npz")
    if last == "retarget":
        frames = nearest_pose_video(Subject.load(stages["subject"].dir), asked)
        return row | score(frames, pair, loss, asked) | cost | facts
    with ClipReader(stages["encode"].dir / "output.mp4") as clip:
        return row | score((frame.rgb for frame in clip), pair, loss, asked) | cost | facts


def run_seed(pair: Path, work: Path, chosen: list[Method], *settings: Any) -> list[Row]:
    """All methods of one pair, the longest training first, in the order of the table; `settings` as in `run_method`."""
    rows: dict[str, Row] = {}
    for method in reversed(chosen):
        say(f"{pair.name}: {method.name}")
        rows[method.name] = in_child(run_method, method, pair, work, *settings)
    return [rows[method.name] for method in chosen]


@click.command()
@click.option("--seeds", default="0,1", show_default=True, help="Pairs, by their seeds.")
@click.option("--budgets", default="1m,5m", show_default=True, help="Minutes of training.")
@STEPS_OPTION
@click.option("--frames", default=240, show_default=True, help="Length of a rendered source.")
@click.option("--size", default=256, show_default=True, help="Side of the rendered pictures.")
@click.option("--pairs", type=FOLDER, default=Path("out/benchmarks/pairs"), show_default=True, help="Rendered pairs.")
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/transfer"), show_default=True, help="Work folder.")
@click.option("--only", default="", help="Only methods whose name holds this text.")
@click.option("--as-placed", is_flag=True, help="Leave the person where the retarget stage puts them.")
@click.option("--device", default="auto", show_default=True)
@JSON_OPTION
def main(json_file: Path | None, **options: Any) -> None:
    """Compare every method with the true answer on rendered performers."""
    chosen = [
        method for method in methods(options["budgets"].split(","), options["steps"]) if options["only"] in method.name
    ]
    rows: list[Row] = []
    for seed in map(int, options["seeds"].split(",")):
        pair = make_pair(options["pairs"] / f"seed{seed}", seed, options["frames"], options["size"])
        found = run_seed(pair, options["work"] / f"seed{seed}", chosen, seed, options["device"], options["as_placed"])
        rows += [{"seed": seed} | row for row in found]
    network = rows[0]["feature network"]
    shown = [{name: value for name, value in row.items() if name not in HIDDEN} for row in rows]
    for seed in dict.fromkeys(row["seed"] for row in rows):
        mine = [row for row, full in zip(shown, rows, strict=True) if full["seed"] == seed]
        finish(f"seed {seed}, perceptual distance in {network} features", mine, DIGITS, None)
    title = f"mean over seeds {options['seeds']}, perceptual distance in {network} features"
    finish(title, mean_rows(shown, "method"), DIGITS, json_file, per_seed=rows)


if __name__ == "__main__":
    main()
