"""`vidgan run`: a pipeline by its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE, present, run_options


@click.command("run", short_help="Run a pipeline by its YAML file.")
@click.argument("pipeline")
@click.argument("inputs", nargs=-1, metavar="NAME=FILE...")
@click.option("-o", "--output", type=FILE, metavar="OUT", help="The file to write.  [out/PIPELINE.mp4]")
@click.option("--preset", metavar="NAME", help="One of the pipeline's presets, such as draft.")
@run_options
def command(
    pipeline: str,
    inputs: tuple[str, ...],
    output: Path | None,
    preset: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **common: Any,
) -> None:
    """Run PIPELINE, a YAML file or the name of a shipped one, on its inputs.

    Example: vidgan run pipelines/transfer.yaml source=dance.mp4 target=alice.mp4
    """
    from vidgan import api

    files = {}
    for item in inputs:
        name, equals, path = item.partition("=")
        if not (name and equals and path):
            raise click.UsageError(f"inputs are given as NAME=FILE, not {item!r}")
        files[name] = Path(path)
    present(
        lambda display: api.prepare(
            pipeline,
            files,
            output or Path("out") / f"{Path(pipeline).stem}.mp4",
            preset=preset,
            emit=display.emit,
            dry_run=dry_run,
            **common,
        ),
        dry_run,
        as_json,
        quiet,
    )
