"""`vidgan reanimate`: a face that follows a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE, present, quality_options, run_options


@click.command("reanimate", short_help="Make the face of TARGET, a picture or a video, follow DRIVING.")
@click.argument("target", type=FILE)
@click.argument("driving", type=FILE)
@click.option("-o", "--output", type=FILE, metavar="OUT.mp4", help="The video to write.  [out/DRIVING_as_TARGET.mp4]")
@quality_options("draft")
@click.option(
    "--motion", type=click.Choice(["relative", "absolute"]),
    help="relative: the change since the driver's face at rest, which is found by itself; absolute: the driver's head "
    "angles and openness of eyes and mouth as they are.  [relative]",
)  # fmt: skip
@click.option("--region", type=click.Choice(["all", "expression", "lips", "eyes", "pose"]), help="What follows.  [all]")
@click.option("--strength", type=click.FloatRange(0, 3), metavar="X", help="Of the motion.  [1]")
@click.option(
    "--person", metavar="largest|center|left|right|N", help="Whose face where TARGET shows several.  [largest]"
)
@click.option("--audio", type=click.Choice(["source", "target", "none"]), help="Whose sound; source: DRIVING's.")
@click.option("--save-motion", type=FILE, metavar="M.npz", help="Keep the motion; it can be given as DRIVING.")
@run_options
def command(
    target: Path,
    driving: Path,
    output: Path | None,
    quality: str,
    budget: str | None,
    motion: str | None,
    region: str | None,
    strength: float | None,
    person: str | None,
    audio: str | None,
    save_motion: Path | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **common: Any,
) -> None:
    """Make the face of TARGET, a photo, a painting or a video, follow the face of DRIVING.

    TARGET keeps its identity, hair, clothes and background, and takes the driver's head pose, expression, blinks, gaze
    and mouth. DRIVING is a video, or a motion that --save-motion wrote. The report goes beside the video.
    """
    from vidgan import api

    present(
        lambda display: api.prepare_reanimate(
            target, driving, output, save_motion,
            preset=quality,
            options=api.reanimate_options(budget, driving, motion, region, strength, person, audio),
            emit=display.emit,
            dry_run=dry_run,
            **common,
        ),
        dry_run,
        as_json,
        quiet,
    )  # fmt: skip
