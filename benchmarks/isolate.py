"""What it costs to decode in a process of its own: the same clips read with and without, in turn.

    python -m benchmarks.isolate CLIP... --repeat 5 --json out/isolate.json

Each clip is read through, at full size and at most `--max-side` (as the pose stage does), in this process and by a
decoder that has started already; the median of the repeats counts. `ms` are for a frame, `CPU` seconds those of both
processes. `start` is what the first call of a run costs more.
"""

from __future__ import annotations

import resource
import statistics
import time
from pathlib import Path

import click

from benchmarks.common import FILE, JSON_OPTION, Row, finish, say
from vidgan.video.isolate import end_idle
from vidgan.video.limits import MediaLimits
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader


def cpu() -> float:
    """Seconds of this process and of all its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def read(clip: Path, max_side: int | None, isolated: bool) -> tuple[int, float]:
    """Frames and seconds of one pass."""
    began = time.perf_counter()
    with ClipReader(clip, max_side=max_side, limits=MediaLimits(isolated=isolated)) as reader:
        count = sum(1 for _ in reader)
    return count, time.perf_counter() - began


def costs(clip: Path, max_side: int | None, repeat: int) -> Row:
    """The two ways side by side."""
    seconds: dict[bool, list[float]] = {False: [], True: []}
    count = 0
    read(clip, max_side, True)
    for _ in range(repeat):
        for isolated, times in seconds.items():
            count, spent = read(clip, max_side, isolated)
            times.append(spent)
    here, there = (1000 * statistics.median(times) / count for times in seconds.values())
    spent_cpu = {}
    for isolated in (False, True):
        end_idle()
        began = cpu()
        read(clip, max_side, isolated)
        end_idle()
        spent_cpu[isolated] = cpu() - began
    return {"frames": count, "here, ms": here, "apart, ms": there, "ratio": there / here,
            "here, CPU s": spent_cpu[False], "apart, CPU s": spent_cpu[True]}  # fmt: skip


def start(clip: Path) -> float:
    """Seconds that the first call takes more than the second."""
    end_idle()
    times = []
    for _ in range(2):
        began = time.perf_counter()
        probe(clip, MediaLimits())
        times.append(time.perf_counter() - began)
    return times[0] - times[1]


@click.command()
@click.argument("clips", type=FILE, nargs=-1, required=True)
@click.option("--repeat", type=click.IntRange(1), default=5, show_default=True)
@click.option("--max-side", type=click.IntRange(16), default=960, show_default=True, metavar="PX")
@JSON_OPTION
def main(clips: tuple[Path, ...], repeat: int, max_side: int, json_file: Path | None) -> None:
    """Read CLIPS in this process and apart."""
    rows: list[Row] = []
    for clip in clips:
        say(clip.name)
        info = probe(clip)
        for side in (None, max_side):
            size = f"{info.width}x{info.height}" + ("" if side is None else f", to {side}")
            rows.append({"clip": clip.name, "size": size, **costs(clip, side, repeat)})
    began = statistics.median(start(clips[0]) for _ in range(repeat))
    finish("reading, ms a frame", rows, {"frames": 0}, json_file, start_seconds=began)
    click.echo(f"\nstart of a decoder: {began:.2f} s")


if __name__ == "__main__":
    main()
