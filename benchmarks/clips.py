r"""What configurations of `vidgan train` learn of the same clips in the same time, against people who were held out.

    python -m benchmarks.clips CLIPS --work WORK --minutes 10,60 --json clips.json \
        --set 'clips.label=_(\w+)\.png' --set 'clips.group=^(s\d+)_' --set 'clips.held_groups=[s5,s6]'

Time is counted in steps: as many as a configuration makes in so many minutes at its rate, the one that
`benchmarks.throughput` finds here or the one given (`--rate`). So other work on the machine does not matter, and a run
that was stopped goes on exactly by the same command; what was scored already is not scored again. A longer time
carries a shorter one on. A configuration may have settings of its own, `tiny+mismatch=0+critic.deviation=0`, for
ablations and sweeps; it makes as many steps as it does without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.common import FOLDER, JSON_OPTION, Row, finish, in_child, say
from benchmarks.throughput import measure
from vidgan.cli.options import open_display
from vidgan.device import choose_device
from vidgan.errors import VidganError
from vidgan.progress import EventProgress, Progress
from vidgan.report.curves import read_statistics
from vidgan.report.run_data import Evaluation
from vidgan.runs.evaluate import Options
from vidgan.runs.evaluate_run import DATA, evaluate_run
from vidgan.runs.training import prepare

TIMED = 10
"""Steps that a rate is measured over."""
SCORES = (
    "motion_frechet", "frame_frechet", "class_accuracy", "appearance_diversity", "movement_diversity",
    "nearest_distance", "copies", "person_kept", "action_kept", "action_agreement",
)  # fmt: skip
DIGITS = {"minutes": 0, "motion_frechet": 0, "frame_frechet": 0, "movement_diversity": 1, "appearance_diversity": 1}


def parted(configuration: str) -> tuple[str, tuple[str, ...]]:
    """`tiny+mismatch=0` is `tiny` with a setting; a plus before a digit belongs to a number."""
    name, *own = re.split(r"\+(?=[a-z])", configuration)
    return name, tuple(own)


def known_rates(configurations: Sequence[str], given: Sequence[str], kept: Path, device: str) -> dict[str, float]:
    """Steps a second of each configuration: as given (`NAME=RATE`), as `kept` by an earlier call, or measured now."""
    rates: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
    for pair in given:
        name, _, rate = pair.partition("=")
        try:
            rates[name] = float(rate)
        except ValueError:
            raise click.UsageError(f"--rate {pair}: give NAME=STEPS_PER_SECOND, such as tiny=17") from None
    for name in dict.fromkeys(parted(each)[0] for each in configurations):
        if name not in rates:
            say(f"{name}: measuring its rate")
            rates[name] = in_child(measure, name, TIMED, device, ())["steps/s"]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(rates))
    return rates


def steps_of(minutes: float, rate: float) -> int:
    """How many steps are made in `minutes` at `rate` steps a second, at least one."""
    return max(1, round(60 * minutes * rate))


def scored(
    name: str, clips: Path, folder: Path, steps: int, seed: int, overrides: tuple[str, ...], device: str,
    progress: Progress,
) -> Evaluation:  # fmt: skip
    """The scores of a configuration after so many steps; trains as far as is missing."""
    place = folder / f"{steps}-steps"
    if not (place / DATA).exists():
        preset, own = parted(name)
        job = prepare(preset, clips, folder, steps=steps, overrides=(*overrides, *own), device=device, seed=seed)
        job.go(progress)
        evaluate_run(folder, None, None, place, Options(device=device), progress)
    return Evaluation.model_validate_json((place / DATA).read_text())


def row_of(name: str, minutes: float | None, steps: int | None, seed: int | None, data: Evaluation, side: str) -> Row:
    """A row of the table; `side` "value" is the samples', "real" what real clips get in their place."""
    found: dict[str, Any] = {score.key: getattr(score, side) for score in data.scores}
    ratios = [one.ratio for one in data.classes if one.ratio is not None] if side == "value" else []
    change = f"{min(ratios):.2f} to {max(ratios):.2f}" if ratios else None
    return {
        "configuration": name, "minutes": minutes, "steps": steps, "seed": seed,
        **{key: found[key] for key in SCORES if key in found}, "change by class": change,
    }  # fmt: skip


def over_seeds(rows: Sequence[Row]) -> list[Row]:
    """Mean and standard deviation over the seeds of every configuration and time that was trained with several."""
    merged = []
    for key in dict.fromkeys((row["configuration"], row["minutes"], row["steps"]) for row in rows):
        same = [row for row in rows if (row["configuration"], row["minutes"], row["steps"]) == key]
        if len(same) < 2:
            continue
        for label, reduce in (("mean", np.mean), ("deviation", lambda values: np.std(values, ddof=1))):
            reduced = {score: float(reduce([row[score] for row in same])) for score in SCORES if score in same[0]}
            merged.append({"configuration": f"{key[0]}, {label}", "minutes": key[1], "steps": key[2], **reduced})
    return merged


def curve(folder: Path, rate: float | None) -> list[Mapping[str, float]]:
    """What training saw of itself, with the minutes at which it would have at the rate, if there is one."""
    rows = read_statistics(folder / "stats.jsonl")
    return [({"minutes": row["step"] / rate / 60} if rate else {}) | dict(row) for row in rows]


@click.command()
@click.argument("clips", type=FOLDER)
@click.option("--work", type=FOLDER, required=True, help="Where the runs are kept; the same again goes on.")
@click.option("--configurations", default="tgan-conditional,small-data", show_default=True)
@click.option("--minutes", default="60", show_default=True, help="Times, by commas.")
@click.option("--steps", default="", help="Equal steps of all, by commas, instead of times.")
@click.option("--seeds", default="0", show_default=True, help="Seeds of each configuration, by commas.")
@click.option("--rate", "rates", multiple=True, metavar="NAME=STEPS_PER_SECOND", help="Instead of measuring it.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting of all; may be repeated.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@JSON_OPTION
def main(
    clips: Path, work: Path, configurations: str, minutes: str, steps: str, seeds: str, rates: tuple[str, ...],
    overrides: tuple[str, ...], device: str, json_file: Path | None,
) -> None:  # fmt: skip
    """Train configurations on CLIPS for equal times and score them against the held-out clips."""
    names = configurations.split(",")
    lengths = sorted(float(each) for each in (steps or minutes).split(","))
    numbers = [int(one) for one in seeds.split(",")]
    try:
        chosen, _ = choose_device(device)
        speed = {} if steps else known_rates(names, rates, work / "rates.json", chosen)
        with open_display(False, False) as display:
            progress = EventProgress("clips", display.emit)
            runs = [
                one_run(*each, speed, clips, work, overrides, chosen, progress)
                for each in product(lengths, names, numbers)
            ]
    except VidganError as error:
        say(str(error))
        raise SystemExit(error.exit_code) from None
    rows = [row for row, _, _ in runs]
    table = [*rows, *over_seeds(rows), row_of("real clips", None, None, None, runs[-1][1], "real")]
    curves = {f"{row['configuration']}, seed {row['seed']}": course for row, _, course in runs}
    title = f"After equal {'steps' if steps else 'times'} on {chosen}"
    finish(title, table, DIGITS, json_file, rates=speed, curves=curves)


def one_run(
    length: float, name: str, seed: int, speed: Mapping[str, float], clips: Path, work: Path,
    overrides: tuple[str, ...], device: str, progress: Progress,
) -> tuple[Row, Evaluation, list[Mapping[str, float]]]:  # fmt: skip
    """A configuration after `length` minutes at its `speed`, or as many steps where there is none."""
    rate = speed.get(parted(name)[0])
    folder, steps = work / f"{name.rpartition('/')[2]}-{seed}", steps_of(length, rate) if rate else int(length)
    data = scored(name, clips, folder, steps, seed, overrides, device, progress)
    return row_of(name, length if rate else None, steps, seed, data, "value"), data, curve(folder, rate)


if __name__ == "__main__":
    main()
