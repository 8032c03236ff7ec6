"""`vidgan evaluate`: the scores of a generator."""

from __future__ import annotations

from pathlib import Path

import click

from vidgan.cli.options import FILE, LIMITS_OPTION, errors_as_events, open_display


@click.command("evaluate", short_help="Score a trained video GAN beside real clips.")
@click.argument("run", type=FILE, required=False)
@click.argument("clips", type=FILE, required=False)
@click.option("--against", type=FILE, metavar="CLIPS", help="Compare with these.  [the clips that were held out]")
@click.option("-o", "--output", type=FILE, metavar="DIR", help="Folder of the results.  [RUN]")
@click.option(
    "-n", "count", type=click.IntRange(4), default=64, show_default=True, metavar="N", help="Clips of each side."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, metavar="N",
    help="Number of the first sample, and of the choice of real clips.  [0]",
)  # fmt: skip
@click.option(
    "--truncation", type=click.FloatRange(0, min_open=True), metavar="PSI", help="As in `vidgan generate`.  [none]"
)
@click.option(
    "--i3d", type=FILE, metavar="FILE",
    help="I3D as TorchScript, for FVD. Loading it runs the program inside: only the known public file "
    "(i3d_torchscript.pt) is, or one whose hash you give.",
)  # fmt: skip
@click.option("--i3d-sha256", metavar="HASH", help="Trust the file of --i3d when this is its SHA-256.")
@click.option("--c3d", type=FILE, metavar="FILE", help="C3D as TorchScript, for the inception score; needs its hash.")
@click.option("--c3d-sha256", metavar="HASH", help="Trust the file of --c3d when this is its SHA-256.")
@click.option("--device", default="auto", metavar="auto|cpu|cuda|cuda:N", help="Where it runs.  [auto]")
@LIMITS_OPTION
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout; the last is the result.")
@click.option("--quiet", is_flag=True, help="Show only warnings and errors.")
def command(
    run: Path | None,
    clips: Path | None,
    against: Path | None,
    output: Path | None,
    count: int,
    seed: int,
    truncation: float | None,
    i3d: Path | None,
    i3d_sha256: str | None,
    c3d: Path | None,
    c3d_sha256: str | None,
    device: str,
    limits: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Score the generator of RUN, a folder of `vidgan train`, and write evaluation.json and report.html there.

    Every score stands beside what other real clips get in the samples' place, and what real clips get when their frames
    are shuffled. CLIPS are its training clips, when RUN is a network file (model.safetensors) or no longer has them.
    """
    from vidgan.device import choose_device
    from vidgan.progress import EventProgress
    from vidgan.report.run_page import text_table
    from vidgan.runs.evaluate import Options
    from vidgan.runs.evaluate_run import evaluate_run
    from vidgan.video.limits import limited, read_limits

    with open_display(as_json, quiet) as display, errors_as_events(display, as_json), limited(read_limits(limits)):
        options = Options(
            clips=count, seed=seed, truncation=truncation, device=choose_device(device)[0], i3d=i3d,
            i3d_sha256=i3d_sha256, c3d=c3d, c3d_sha256=c3d_sha256,
        )  # fmt: skip
        found = evaluate_run(run, clips, against, output, options, EventProgress("evaluate", display.emit))
        if as_json:
            result = {"event": "result", "report": str(found.page), "evaluation": str(found.json)}
            display.emit({**result, "data": found.data.model_dump(mode="json")})
    if not (as_json or quiet):
        click.echo("\n".join([*text_table(found.data), *found.data.notes]))
        click.echo(f"report      {found.page}\nevaluation  {found.json}")
