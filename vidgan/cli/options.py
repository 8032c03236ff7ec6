"""Options that several commands share, and the way they show a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidgan.display import Display, choose_display
from vidgan.errors import VidganError

if TYPE_CHECKING:
    from vidgan.api import Run

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)
MARK_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--label", is_flag=True, callback=lambda *it: it[2] or None, help='Show "AI generated" in a corner.'),
    click.option("--consent", metavar="FILE|TEXT", help="Who agreed; it is written into the credentials."),
    click.option(
        "--certificate", nargs=2, type=FILE, metavar="CHAIN KEY",
        help="Whose certificate chain and private key (PEM) it is signed with.  [your own: vidgan trust keys show]",
    ),
    # Flags whose default is not False differ between versions of click: the value is turned round here instead.
    click.option(
        "--no-mark", "marked", is_flag=True, callback=lambda *it: not it[2],
        help="No watermark and no credentials, for those who mark at the end of their own chain.",
    ),
)  # fmt: skip
"""How the result says that it was made by a machine."""


LIMITS_OPTION = click.option(
    "--set", "limits", multiple=True, metavar="media.KEY=VALUE",
    help="A limit on what is read, such as media.max_frames=100000; may be repeated.",
)  # fmt: skip
"""For commands that read media and have no other settings."""


def run_options(command: CommandT) -> CommandT:
    """The options of every command that runs a pipeline."""
    options = (
        click.option("--device", default="auto", metavar="auto|cpu|cuda|cuda:N", help="Where it runs.  [auto]"),
        click.option(
            "--seed", type=click.IntRange(0, 2**32 - 1), default=0, metavar="N", help="Of all randomness.  [0]"
        ),
        click.option("--config", type=FILE, metavar="FILE", help="A YAML file with settings."),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="One setting; may be repeated."),
        *MARK_OPTIONS,
        click.option("--work", type=FILE, metavar="DIR", help="Work folder.  [$VIDGAN_WORK or ~/.cache/vidgan/work]"),
        click.option("--dry-run", is_flag=True, help="Only print what would run, and why."),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object a line on stdout; the last is the result."
        ),
        click.option("--quiet", is_flag=True, help="Show only warnings and errors."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def quality_options(default: str) -> Callable[[CommandT], CommandT]:
    """How much is trained."""

    def add(command: CommandT) -> CommandT:
        command = click.option(
            "--budget", metavar="TIME", help="Time for training: 90s, 5m, 1h.  [5m on a CPU, 10m on a GPU; high: 20m]"
        )(command)
        return click.option(
            "--quality", type=click.Choice(["draft", "standard", "high"]), default=default, show_default=True,
            help="draft trains no network that paints, high a larger one.",
        )(command)  # fmt: skip

    return add


def draw_options(command: CommandT) -> CommandT:
    """The options of every command that draws clips from a generator."""
    options = (
        click.option(
            "-o", "--output", type=FILE, metavar="OUT",
            help="A folder for one file a clip and a grid; or the grid alone, when it ends in .mp4, .gif or .png.",
        ),
        click.option(
            "--format", "kind", type=click.Choice(["mp4", "gif", "png-strip"]),
            help="Of the files; png-strip: frames side by side in a picture.  [mp4, or as OUT says]",
        ),
        click.option(
            "--frames", type=click.IntRange(1, 100_000), metavar="N",
            help="Length of a clip: the first N frames, or more than it was trained on.  [as trained]",
        ),
        click.option(
            "--longer", "how", type=click.Choice(["chain", "stretch"]), default="chain", show_default=True,
            help="How clips get longer: chain goes on with further motions, each cross-faded over half of the one "
            "before; stretch slows the one motion down by interpolating it.",
        ),
        click.option("--class", "class_name", metavar="NAME", help="Only this class.  [the classes take turns]"),
        click.option(
            "--truncation", type=click.FloatRange(0, min_open=True), metavar="PSI",
            help="Below 1 more typical and more alike: stylegan pulls styles PSI of the way from their mean (0.7 is "
            "usual); a normal latent is cut at PSI standard deviations, a uniform one scaled by PSI.  [none]",
        ),
        *MARK_OPTIONS,
        click.option("--device", default="auto", metavar="auto|cpu|cuda|cuda:N", help="Where it runs.  [auto]"),
        click.option(
            "--json", "as_json", is_flag=True, help="One JSON object a line on stdout; the last is the result."
        ),
        click.option("--quiet", is_flag=True, help="Show only warnings and errors."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def present(prepare: Callable[[Display], Run], dry_run: bool, as_json: bool, quiet: bool) -> None:
    """Plan a run and print the plan, or go through it and print where the results are."""
    with open_display(as_json, quiet) as display, errors_as_events(display, as_json):
        run = prepare(display)
        if dry_run:
            _print_plan(run, as_json)
            return
        with _library_output_to(run.store.root / "logs" / "libraries.log"):
            result = run.go(display.emit)
        if as_json:
            display.emit({"event": "result", **{name: str(path) for name, path in result.outputs.items()}})
    if not (as_json or quiet):
        print_values(result.outputs)


@contextmanager
def errors_as_events(display: Display, as_json: bool) -> Iterator[None]:
    """Say an error as an event, too, when a program listens."""
    try:
        yield
    except VidganError as error:
        if as_json:
            display.emit({"event": "error", "type": type(error).__name__, "message": str(error)})
        raise


def print_values(values: Mapping[str, object]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name in values)
    for name, value in values.items():
        click.echo(f"{name:{width}}  {value}")


def _print_plan(run: Run, as_json: bool) -> None:
    if as_json:
        import json

        stages = [{"stage": it.name, "action": it.action, "reason": it.reason} for it in run.plan.stages]
        click.echo(json.dumps({"event": "plan", "stages": stages}))
    else:
        click.echo(str(run.plan))


@contextmanager
def open_display(as_json: bool, quiet: bool) -> Iterator[Display]:
    """A display on a copy of stderr, which stays when the libraries' own goes to a log."""
    if as_json:
        with choose_display(as_json=True) as display:
            yield display
        return
    with (
        os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stream,
        choose_display(quiet=quiet, stream=stream) as display,
    ):
        yield display


@contextmanager
def _library_output_to(log: Path) -> Iterator[None]:
    """Send what native libraries write to stderr to a log, unless VIDGAN_DEBUG is set."""
    if os.environ.get("VIDGAN_DEBUG"):
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)
