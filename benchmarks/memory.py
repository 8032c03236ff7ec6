"""Peak memory of a draft on a long 1080p source, and that it does not grow with length.

    python -m benchmarks.memory samples/source.mp4 samples/target.mp4 --minutes 1,10 --json out/memory.json

The source is the clip brought to 1920x1080 and repeated, packet by packet, for so many minutes. Each length is a whole
`vidgan transfer --quality draft`, report included, in a process and a work folder of its own. The table has a row for
each stage: the peak resident memory of its process, children included, in MB.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, FOLDER, JSON_OPTION, Row, finish, in_child, say
from vidgan import api
from vidgan.stages.manifest import Manifest
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

SIZE = (1920, 1080)
LIMIT_MB = 3000


def framed(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture scaled into (width, height), grey around it."""
    scale = min(size[0] / rgb.shape[1], size[1] / rgb.shape[0])
    small = cv2.resize(rgb, (round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)), interpolation=cv2.INTER_AREA)
    top, left = (size[1] - small.shape[0]) // 2, (size[0] - small.shape[1]) // 2
    bottom, right = size[1] - small.shape[0] - top, size[0] - small.shape[1] - left
    filled = cv2.copyMakeBorder(small, top, bottom, left, right, cv2.BORDER_CONSTANT, value=(128, 128, 128))
    return np.asarray(filled, np.uint8)


def once(clip: Path, path: Path, size: tuple[int, int] = SIZE) -> Path:
    """The clip at the given size, at its mean rate, silent."""
    with ClipReader(clip) as reader:
        rate = reader.info.rate
        with ClipWriter(path, *size, rate, preset="veryfast", crf=23) as writer:
            for index, frame in enumerate(reader):
                writer.write(framed(frame.rgb, size), index / rate)
    return path


def looped(clip: Path, path: Path, seconds: float) -> Path:
    """A file's packets again and again until `seconds` are full."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        stream = source.streams.video[0]
        copy = out.add_stream_from_template(stream)
        assert stream.average_rate is not None
        assert stream.time_base is not None
        length = stream.frames * round(1 / (Fraction(stream.average_rate) * stream.time_base))
        for loop in range(max(1, round(seconds / float(length * stream.time_base)))):
            source.seek(0, stream=stream)
            for packet in source.demux(stream):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += loop * length
                packet.dts += loop * length
                packet.stream = copy
                out.mux(packet)
    return path


def draft(source: Path, target: Path, work: Path) -> dict[str, tuple[float, float]]:
    """A whole draft; (MB, seconds) of each stage."""
    result = api.transfer(source, target, work / "out.mp4", quality="draft", audio="none", work=work)
    manifests = {name: Manifest.read(folder) for name, folder in result.stages.items()}
    return {name: (one.memory_mb, one.seconds) for name, one in manifests.items() if one}


@click.command()
@click.argument("source", type=FILE, default=Path("samples/source.mp4"))
@click.argument("target", type=FILE, default=Path("samples/target.mp4"))
@click.option("--minutes", default="1,10", show_default=True, help="Lengths of the source.")
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/memory"), show_default=True, help="Work folder.")
@JSON_OPTION
def main(source: Path, target: Path, minutes: str, work: Path, json_file: Path | None) -> None:
    """Make drafts of long versions of SOURCE."""
    work.mkdir(parents=True, exist_ok=True)
    single = once(source, work / "once.mp4")
    costs = {}
    for length in map(float, minutes.split(",")):
        say(f"{length:g} minutes")
        long = looped(single, work / f"source-{length:g}min.mp4", 60 * length)
        costs[f"{length:g} min"] = in_child(draft, long, target, work / f"{length:g}min")
    names = dict.fromkeys(name for cost in costs.values() for name in cost)
    rows: list[Row] = [
        {"stage": name}
        | {f"{length}, MB": cost[name][0] for length, cost in costs.items()}
        | {f"{length}, s": cost[name][1] for length, cost in costs.items()}
        for name in names
    ]
    peaks = {f"{length}, MB": max(memory for memory, _ in cost.values()) for length, cost in costs.items()}
    rows.append({"stage": f"peak (limit {LIMIT_MB})"} | peaks)
    digits = {name: 0 for row in rows for name in row}
    finish(f"draft of a {SIZE[0]}x{SIZE[1]} source", rows, digits, json_file)


if __name__ == "__main__":
    main()
