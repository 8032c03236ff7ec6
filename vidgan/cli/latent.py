"""`vidgan latent`: walk between sequences, exchange their motions, add and subtract them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidgan.cli.options import FILE, draw_options, errors_as_events, open_display

if TYPE_CHECKING:
    from vidgan.runs.folder import Run
    from vidgan.runs.latent import Made, Options, Part

SEQUENCE = click.IntRange(0, 2**32 - 1)


class Sequences(click.ParamType):
    """Numbers of sequences, as "0-3" or "1,5,7"."""

    name = "sequences"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """The numbers, in order."""
        numbers: list[int] = []
        for part in str(value).split(","):
            first, dash, last = part.strip().partition("-")
            if not (first.isdecimal() and (last.isdecimal() or not dash)):
                self.fail(f"{value!r} are no sequences: write them as 0-3 or 1,5,7", param, ctx)
            numbers += range(int(first), int(last or first) + 1)
        if not 0 < len(numbers) <= 64:
            self.fail(f"{value!r} are {len(numbers)} sequences: take 1 to 64", param, ctx)
        return numbers


@click.group("latent", short_help="Walk between sequences, mix theme and motion, add and subtract.")
def command() -> None:
    """Put latents together by hand. A, B, C are numbers of sequences, as `vidgan generate` names its files.

    A sequence is a theme (who and where), a motion and, where the RUN knows classes, a class.
    """


@command.command("interpolate")
@click.argument("a", type=SEQUENCE)
@click.argument("b", type=SEQUENCE)
@click.argument("run", type=FILE, required=False)
@click.option("--steps", type=click.IntRange(2, 256), default=8, show_default=True, metavar="N", help="Ends included.")
@click.option(
    "--part", type=click.Choice(["both", "theme", "motion"]), default="both", show_default=True, help="What changes."
)
@draw_options
def interpolate(a: int, b: int, run: Path | None, steps: int, part: Part, **more: Any) -> None:
    """Walk from sequence A to sequence B in steps, each a clip. The class is that of A, or --class."""
    from vidgan.runs import latent

    _make(run, f"interpolate-{a}-{b}", more, lambda opened, how: latent.interpolate(opened, a, b, steps, part, how))


@command.command("mix")
@click.argument("themes", type=Sequences(), metavar="THEMES")
@click.argument("motions", type=Sequences(), metavar="MOTIONS")
@click.argument("run", type=FILE, required=False)
@draw_options
def mix(themes: list[int], motions: list[int], run: Path | None, **more: Any) -> None:
    """Every theme with every motion: rows of one theme, columns of one motion. The class goes with the motion.

    Example: vidgan latent mix 0-3 4-7 out/runs/tiny -o mixed.mp4
    """
    from vidgan.runs import latent

    _make(run, "mix", more, lambda opened, how: latent.mix(opened, themes, motions, how))


@command.command("arithmetic")
@click.argument("a", type=SEQUENCE)
@click.argument("b", type=SEQUENCE)
@click.argument("c", type=SEQUENCE)
@click.argument("run", type=FILE, required=False)
@draw_options
def arithmetic(a: int, b: int, c: int, run: Path | None, **more: Any) -> None:
    """Show sequences A, B, C and A - B + C. The class of the result is that of A, or --class."""
    from vidgan.runs import latent

    _make(run, f"arithmetic-{a}-{b}-{c}", more, lambda opened, how: latent.arithmetic(opened, a, b, c, how))


def _make(run: Path | None, name: str, more: dict[str, Any], make: Callable[[Run, Options], Made]) -> None:
    from vidgan.device import choose_device
    from vidgan.progress import EventProgress
    from vidgan.runs.folder import open_run
    from vidgan.runs.latent import Options
    from vidgan.runs.sample import Destination, class_number, write_made
    from vidgan.trust.mark import default_marks

    as_json, quiet = more["as_json"], more["quiet"]
    with open_display(as_json, quiet) as display, errors_as_events(display, as_json):
        opened = open_run(run, choose_device(more["device"])[0])
        to = Destination.of(more["output"] or Path("out/latent") / f"{opened.path.stem}-{name}.mp4", more["kind"])
        options = Options(class_number(opened, more["class_name"]), more["truncation"], more["frames"], more["how"])
        progress = EventProgress("latent", display.emit)
        given = more["marked"], bool(more["label"]), more["consent"], more["certificate"]
        marks = default_marks(*given, progress.note)
        files = write_made(opened, to, make(opened, options), progress, marks)
        if as_json:
            display.emit({"event": "result", "grid": str(files[-1]), "clips": [str(path) for path in files[:-1]]})
    if not (as_json or quiet):
        click.echo(f"grid  {files[-1]}")
