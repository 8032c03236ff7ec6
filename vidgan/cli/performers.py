"""`vidgan performers`: a benchmark pair with its true answer, or a set of clips to train on."""

from __future__ import annotations

from pathlib import Path

import click

from vidgan.cli.options import FILE


@click.command("performers", short_help="Render synthetic performers: a benchmark pair or a set of clips.")
@click.argument("out_dir", type=FILE)
@click.option(
    "--clips", type=click.IntRange(1), metavar="N",
    help="Render N short clips for `vidgan train` instead of a pair; 60 are all people in all moves.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Who, where and what.")
@click.option("--frames", type=click.IntRange(2), metavar="N", help="Length.  [240; of each of the --clips: 32]")
@click.option("--size", type=click.IntRange(32, 2048), metavar="PX", help="Height.  [256; with --clips: 64]")
@click.option("--quiet", is_flag=True, help="Show only warnings and errors.")
def command(out_dir: Path, clips: int | None, seed: int, frames: int | None, size: int | None, quiet: bool) -> None:
    """Render source.mp4, target.mp4, truth.mp4 and poses.json into OUT_DIR.

    Two people with different bodies and clothes share one motion: truth.mp4 is what a perfect transfer gives.

    With --clips, render OUT_DIR/MOVE/PERSON-NN.mp4: one person doing one move (raise, squat, side_turn, march, kick,
    disco) in a plain room, at 12.5 frames a second. Finished clips are kept: the same command goes on, a greater N
    adds to them.

    Example: vidgan performers out/clips --clips 120

    To train on them with people held out: vidgan train small-data out/clips --set 'clips.group=([A-Za-z]+)-'
    """
    from vidgan.display import choose_display
    from vidgan.progress import EventProgress

    with choose_display(quiet=quiet) as display:
        progress = EventProgress("performers", display.emit)
        if clips is None:
            from vidgan.performers.pair import render_pair

            render_pair(out_dir, seed=seed, frames=frames or 240, size=size or 256, progress=progress)
        else:
            from vidgan.performers.clips import render_clips

            render_clips(out_dir, count=clips, seed=seed, frames=frames or 32, size=size or 64, progress=progress)
    if not quiet:
        click.echo(f"performers  {out_dir}")
