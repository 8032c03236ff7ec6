"""`vidgan generate`: clips from a trained video GAN."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from vidgan.cli.options import FILE, draw_options, errors_as_events, open_display


@click.command("generate", short_help="Make short clips with a trained video GAN.")
@click.argument("run", type=FILE, required=False)
@click.option("-n", "count", type=click.IntRange(1), default=16, show_default=True, metavar="N", help="Clips.")
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, metavar="N",
    help="Number of the first sequence; a sequence is the same in whatever company it is drawn.  [0]",
)  # fmt: skip
@draw_options
def command(
    run: Path | None,
    count: int,
    seed: int,
    output: Path | None,
    kind: Literal["mp4", "gif", "png-strip"] | None,
    frames: int | None,
    how: Literal["chain", "stretch"],
    class_name: str | None,
    truncation: float | None,
    device: str,
    label: bool | None,
    consent: str | None,
    certificate: tuple[Path, Path] | None,
    marked: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make clips with the generator of RUN, a folder of `vidgan train` or its model.safetensors.

    Without RUN it is the small model that comes with vidgan. Clips are named by the number of their sequence, which
    `vidgan latent` takes, and shown together in a grid.
    """
    from vidgan.device import choose_device
    from vidgan.progress import EventProgress
    from vidgan.runs.folder import open_run
    from vidgan.runs.sample import Destination, generate
    from vidgan.trust.mark import default_marks

    with open_display(as_json, quiet) as display, errors_as_events(display, as_json):
        opened = open_run(run, choose_device(device)[0])
        to = Destination.of(output or Path("out/generate") / opened.path.stem, kind)
        progress = EventProgress("generate", display.emit)
        marks = default_marks(marked, bool(label), consent, certificate, progress.note)
        files = generate(
            opened, to, progress, count=count, seed=seed, frames=frames, class_name=class_name, truncation=truncation,
            how=how, marks=marks,
        )  # fmt: skip
        if as_json:
            display.emit({"event": "result", "grid": str(files[-1]), "clips": [str(path) for path in files[:-1]]})
    if not (as_json or quiet):
        click.echo(f"grid   {files[-1]}" if to.alone else f"clips  {to.path}\ngrid   {files[-1]}")
