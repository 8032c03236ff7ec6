"""The contact sheet of a transfer: source, the pose asked of the target, output.

Run it from a checkout:

.venv/bin/python -m benchmarks.picture samples/source.mp4 out/transfer.mp4 WORK/retarget-KEY docs/result.png
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from vidgan.pose.rasterise import draw_pose
from vidgan.pose.track import PoseTrack
from vidgan.video.read import ClipReader
from vidgan.video.sheet import contact_sheet, save_png


def frames_of(path: Path, numbers: list[int]) -> list[NDArray[np.uint8]]:
    """The frames of a clip with the given numbers, in order."""
    with ClipReader(path) as reader:
        return [frame.rgb for number, frame in enumerate(reader) if number in numbers]


@click.command(help="Write a contact sheet of a transfer.")
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("motion", type=click.Path(path_type=Path))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--columns", default=7, show_default=True)
@click.option("--height", default=240, show_default=True)
def main(source: Path, output: Path, motion: Path, picture: Path, columns: int, height: int) -> None:
    """Pick evenly spread frames and lay them out."""
    track = PoseTrack.load(motion / "track.npz")
    numbers = np.unique(np.linspace(0, len(track) - 1, columns).round().astype(int)).tolist()
    poses = [draw_pose((track.height, track.width), track.image[n], track.visibility[n]) for n in numbers]
    rows = [frames_of(source, numbers), poses, frames_of(output, numbers)]
    save_png(contact_sheet(rows, cell_height=height), picture)


if __name__ == "__main__":
    main()
