"""`vidgan train`: a video GAN from a folder of clips."""

from __future__ import annotations

from pathlib import Path

import click

from vidgan.cli.options import FILE, errors_as_events, open_display, print_values


@click.command("train", short_help="Train a video GAN on a folder of clips.")
@click.argument("config")
@click.argument("clips", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="RUN", help="The folder of the run.  [out/runs/CONFIG]")
@click.option("--budget", metavar="TIME", help="Time for training: 90s, 30m, 2h.  [the configuration's]")
@click.option("--steps", type=click.IntRange(1), metavar="N", help="Steps to train, instead of a time.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda|cuda:N", help="Where it runs.  [auto]")
@click.option(
    "--devices", type=click.IntRange(1), default=1, metavar="N",
    help="Processes to train together on this machine, each on its own GPU (or on the CPU); torchrun starts them on "
    "several machines.  [1]",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, metavar="N", help="Of all randomness.  [0]")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Only print the networks, the clips and the steps.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout; the last is the result.")
@click.option("--quiet", is_flag=True, help="Show only warnings and errors.")
def command(
    config: str,
    clips: Path,
    output: Path | None,
    budget: str | None,
    steps: int | None,
    device: str,
    devices: int,
    seed: int,
    overrides: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a video GAN by CONFIG on CLIPS, and leave its generator in RUN/model.safetensors.

    CONFIG is a YAML file or the name of one that ships: tiny, small-data, tgan, tgan-conditional. CLIPS is a folder of
    videos, of image strips (frames side by side in a picture) or of folders of frames; sub-folders are classes.

    Ctrl-C saves the state. The same command goes on from there, exactly as if nothing had been; a larger --budget or
    --steps carries a finished run on.

    Example: vidgan train tiny people/ -o out/people --budget 5m
    """
    from vidgan.progress import EventProgress
    from vidgan.runs import training

    with open_display(as_json, quiet) as display, errors_as_events(display, as_json):
        job = training.prepare(
            config, clips, output, budget=budget, steps=steps, overrides=overrides, device=device, devices=devices,
            seed=seed,
        )  # fmt: skip
        if dry_run:
            plan = job.plan()
            if as_json:
                display.emit({"event": "plan", **plan})
            else:
                print_values({f"{part} {name}": value for part, facts in plan.items() for name, value in facts.items()})
            return
        state = job.go(EventProgress("train", display.emit))
        if state is None:  # another process leads, and says it
            return
        result = {"run": str(job.folder), "model": str(job.folder / "model.safetensors"), "steps": state.step}
        result |= {"best_step": state.best_step, "seconds": round(state.elapsed, 1)}
        if as_json:
            display.emit({"event": "result", **result})
    if not (as_json or quiet):
        print_values(result)
