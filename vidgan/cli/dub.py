"""`vidgan dub`: a mouth that follows another speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE, present, quality_options, run_options


@click.command("dub", short_help="Make the speaker of FILM say what is said in SPEECH.")
@click.argument("film", type=FILE)
@click.argument("speech", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="OUT.mp4", help="The video to write.  [out/FILM_says_SPEECH.mp4]")
@quality_options("draft")
@click.option(
    "--speaker", metavar="auto|largest|center|left|right|N",
    help="Who speaks where there are several faces; auto: whose mouth moves with the film's own voice.  [largest]",
)  # fmt: skip
@click.option(
    "--fit", type=click.Choice(["film", "speech", "loop", "trim"]),
    help="Where lengths differ: film keeps the film's, speech sets its pace, loop runs it there and back, trim ends "
    "with the shorter.  [film]",
)  # fmt: skip
@click.option("--keep-ambience", is_flag=True, help="Lay the film's own sound between its words under the speech.")
@run_options
def command(
    film: Path,
    speech: Path,
    output: Path | None,
    quality: str,
    budget: str | None,
    speaker: str | None,
    fit: str | None,
    keep_ambience: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **common: Any,
) -> None:
    """Make the mouth of the speaker in FILM follow SPEECH; everything else of the film stays as it is.

    FILM needs its own sound: how this person's mouth follows speech is learnt from it. SPEECH is any recording of a
    voice, or a video with one. The report goes beside the video. A run that was interrupted goes on when the same
    command is given again.
    """
    from vidgan import api

    present(
        lambda display: api.prepare(
            "dub",
            {"film": film, "speech": speech},
            output or api.dubbed_output(film, speech),
            preset=quality,
            options=api.dub_options(budget, speaker, fit, keep_ambience),
            emit=display.emit,
            dry_run=dry_run,
            **common,
        ),
        dry_run,
        as_json,
        quiet,
    )
