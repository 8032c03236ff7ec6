"""`vidgan transfer`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE, present, quality_options, run_options


@click.command("transfer", short_help="Make the person of TARGET perform the motion of SOURCE.")
@click.argument("source", type=FILE)
@click.argument("target", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="OUT.mp4", help="The video to write.  [out/SOURCE_as_TARGET.mp4]")
@quality_options("standard")
@click.option("--size", type=click.IntRange(16, 8192), metavar="PX", help="Height of the output.  [the target's]")
@click.option("--audio", type=click.Choice(["source", "target", "none"]), help="Whose sound it gets.  [source]")
@click.option(
    "--person", metavar="largest|center|left|right|N", help="Whom to take where there are several.  [largest]"
)
@run_options
def command(
    source: Path,
    target: Path,
    output: Path | None,
    quality: str,
    budget: str | None,
    size: int | None,
    audio: str | None,
    person: str | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **common: Any,
) -> None:
    """Make the person of TARGET perform the motion of SOURCE.

    The report goes beside the video, as OUT.report.html and OUT.report.json. A run that was interrupted goes on when
    the same command is given again, and what is finished is not done twice.
    """
    from vidgan import api

    present(
        lambda display: api.prepare(
            "transfer",
            {"source": source, "target": target},
            output or api.default_output(source, target),
            preset=quality,
            options=api.transfer_options(budget, size, audio, person),
            emit=display.emit,
            dry_run=dry_run,
            **common,
        ),
        dry_run,
        as_json,
        quiet,
    )
