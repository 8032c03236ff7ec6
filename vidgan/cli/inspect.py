"""`vidgan inspect`: the facts of a video."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE, LIMITS_OPTION


@click.command("inspect", short_help="Say what a video is.")
@click.argument("video", type=FILE)
@click.option("--count", is_flag=True, help="Read it through, for the true length and what is cut off.")
@LIMITS_OPTION
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(video: Path, count: bool, limits: tuple[str, ...], as_json: bool) -> None:
    """Say what VIDEO is: size, rate, codec, colour, sound, and what is unusual about it."""
    from vidgan.output import check_inputs
    from vidgan.video.inspect import inspect
    from vidgan.video.limits import limited, read_limits

    check_inputs({"video": video})
    with limited(read_limits(limits)):
        facts = inspect(video, count=count)
    if as_json:
        click.echo(json.dumps(facts, default=str))
        return
    rows = [row for name, value in facts.items() for row in _rows(name, value)]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        click.echo(f"{name:{width}}  {value}")


def _rows(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A line for each plain value; the keys of a section follow its name."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _rows(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _rows(name, inner)
    elif value is not None:
        yield name, value
