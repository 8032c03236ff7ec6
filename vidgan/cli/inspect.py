"""`vidgan inspect`: the facts of a video."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vidgan.cli.options import FILE


@click.command("inspect", short_help="Say what a video is.")
@click.argument("video", type=FILE)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(video: Path, as_json: bool) -> None:
    """Say what VIDEO is: size, rate, codec, colour, sound, and what is unusual about it."""
    from vidgan.output import check_inputs
    from vidgan.video.inspect import inspect

    check_inputs({"video": video})
    facts = inspect(video)
    if as_json:
        click.echo(json.dumps(facts, default=str))
        return
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        for line in value if isinstance(value, list) else [value]:
            click.echo(f"{name:{width}}  {line}")
