"""`vidgan performers`: a benchmark pair with its true answer."""

from __future__ import annotations

from pathlib import Path

import click

from vidgan.cli.options import FILE


@click.command("performers", short_help="Render a benchmark pair of synthetic performers.")
@click.argument("out_dir", type=FILE)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Who, where and what.")
@click.option("--frames", type=click.IntRange(2), default=240, show_default=True, metavar="N", help="Length.")
@click.option("--size", type=click.IntRange(64, 2048), default=256, show_default=True, metavar="PX", help="Height.")
@click.option("--quiet", is_flag=True, help="Show only warnings and errors.")
def command(out_dir: Path, seed: int, frames: int, size: int, quiet: bool) -> None:
    """Render source.mp4, target.mp4, truth.mp4 and poses.json into OUT_DIR.

    Two people with different bodies and clothes share one motion: truth.mp4 is what a perfect transfer gives.
    """
    from vidgan.display import choose_display
    from vidgan.performers.pair import render_pair
    from vidgan.progress import EventProgress

    with choose_display(quiet=quiet) as display:
        render_pair(out_dir, seed=seed, frames=frames, size=size, progress=EventProgress("performers", display.emit))
    if not quiet:
        click.echo(f"performers  {out_dir}")
