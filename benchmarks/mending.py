"""What training adds to the drafts of faces: frames that were never trained on, as drafts and mended.

    python -m benchmarks.mending --portrait A.jpg driver.mp4 --film FILM.mp4 --budgets 5m --json out/mending.json
    python -m benchmarks.mending --film FILM.mp4 --steps 300      # on a machine that does other work

A `--portrait` and a driver, or a video and a driver, are what `vidgan reanimate` takes, a `--film` what `vidgan dub`
does. The real stages run as far as the held-out stage: the end of the video that is learnt from is drafted from its
beginning, and mended by the generator, and compared with what was filmed, on what is repainted; outside of that draft
and truth are the same. Perceptual distance and flicker: lower is better.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.common import (
    FILE,
    FOLDER,
    JSON_OPTION,
    STEPS_OPTION,
    Row,
    finish,
    in_child,
    lengths,
    peak_memory,
    run_stages,
    say,
)

DIGITS = {"perceptual": 3, "ssim": 3, "flicker": 2, "steps": 0, "peak MB": 0}


def run(
    pipeline: str, files: dict[str, Path], work: Path, training: str, overrides: tuple[str, ...], seed: int
) -> list[Row]:
    """The rows of one training: the draft's and the trained one's."""
    stages = run_stages(
        ["heldout"], files, work, pipeline=pipeline, preset="standard", overrides=(training, *overrides), seed=seed
    )
    facts, train = stages["heldout"].facts, stages["train"].facts
    name = " + ".join(path.stem for path in files.values())
    shared = {"job": f"{pipeline}, {name}", "feature network": facts["feature_network"]}
    more = {"trained": {"steps": train["steps"], "peak MB": peak_memory(stages)}}
    return [shared | {"method": way} | scores | more.get(way, {}) for way, scores in facts["heldout"].items()]


@click.command()
@click.option("--portrait", "pairs", nargs=2, type=FILE, multiple=True, help="A target and a driver; may be repeated.")
@click.option("--film", "films", type=FILE, multiple=True, help="A film with a speaker; may be repeated.")
@click.option("--budgets", default="5m", show_default=True, help="Times of training.")
@STEPS_OPTION
@click.option("--set", "overrides", multiple=True, help="One setting of all; may be repeated.")
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/mending"), show_default=True, help="Work folder.")
@JSON_OPTION
def main(
    pairs: tuple[tuple[Path, Path], ...], films: tuple[Path, ...], budgets: str, steps: int | None,
    overrides: tuple[str, ...], seed: int, work: Path, json_file: Path | None,
) -> None:  # fmt: skip
    """Train on portraits' drivers and on films, and score on what was held out."""
    jobs = [("reanimate", {"target": target, "driving": driver}) for target, driver in pairs]
    jobs += [("dub", {"film": film, "speech": film}) for film in films]
    rows: list[Row] = []
    for pipeline, files in jobs:
        for name, training in reversed(lengths(budgets.split(","), steps)):  # the longest first: nothing goes on
            say(f"{pipeline} {', '.join(path.name for path in files.values())}: {name}")
            rows += in_child(run, pipeline, files, work, training, overrides, seed)
    if not rows:
        raise click.UsageError("give a --portrait with a driver, or a --film")
    network = rows[0]["feature network"]
    shown = [{name: value for name, value in row.items() if name != "feature network"} for row in rows]
    finish(f"held-out frames, perceptual distance in {network} features", shown, DIGITS, json_file)


if __name__ == "__main__":
    main()
