"""The picture of a dub: mouths as filmed above mouths as dubbed over time, and the slices through the mouth's middle.

    python -m benchmarks.dub_picture samples/faces/speaker.mp4 samples/faces/words.wav docs/dub.png --set voice.steps=20

Every mouth stands above its moment in the slices, whose columns are the mouth's middle columns, one a frame.
"""

from __future__ import annotations

from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, FOLDER, Finished, run_stages
from vidgan.face.head import head_pose
from vidgan.face.lower import window_corner
from vidgan.report.dub import slice_through
from vidgan.stages.encode import RenderedFrames
from vidgan.stages.reel import shown_frames
from vidgan.stages.speak import Shown
from vidgan.subject.mouths import window
from vidgan.video.read import ClipReader
from vidgan.video.sheet import save_png

Picture = NDArray[np.uint8]

GAP = 4
SHARE = 1.5
"""Side of the shown mouths in distances of the outer eye corners."""


def mouths(film: Path, stages: dict[str, Finished]) -> tuple[list[Picture], list[Picture]]:
    """The mouths of all frames, as filmed and as dubbed."""
    shown, rendered = Shown.load(stages["speak"].dir), RenderedFrames.load(stages["dub"].dir)
    side = 2 * round(SHARE / 2 * float(np.nanmedian(head_pose(shown.own).scale)))
    pairs = []
    with ClipReader(film) as reader:
        frames = zip(shown_frames(reader, shown.timeline.frames, stages["dub"].dir), rendered, strict=True)
        for index, (filmed, (dubbed, _)) in enumerate(frames):
            if shown.own.present[index]:
                corner = np.array(window_corner(shown.own.image[index].astype(np.float64), side))
                pairs.append((window(filmed, corner, side), window(dubbed, corner, side)))
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


@click.command()
@click.argument("film", type=FILE)
@click.argument("speech", type=FILE)
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--columns", default=8, show_default=True)
@click.option("--cell", default=96, show_default=True, help="Pixels of a mouth.")
@click.option("--quality", default="draft", show_default=True)
@click.option("--set", "overrides", multiple=True, help="One setting; may be repeated.")
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/dub"), show_default=True, help="Work folder.")
def main(
    film: Path,
    speech: Path,
    picture: Path,
    columns: int,
    cell: int,
    quality: str,
    overrides: tuple[str, ...],
    work: Path,
) -> None:
    """Dub and draw."""
    files = {"film": film, "speech": speech}
    stages = run_stages(["dub"], files, work, pipeline="dub", preset=quality, overrides=("speak.fit=trim", *overrides))
    rows = mouths(film, stages)
    middles = ((np.arange(columns) + 0.5) * len(rows[0]) / columns).astype(int)
    width = columns * cell + (columns - 1) * GAP
    bands = [_beside([_at(row[index], cell, cell) for index in middles]) for row in rows]
    bands += [_at(slice_through(row), width, cell) for row in rows]
    gap = np.full((GAP, width, 3), 255, np.uint8)
    parts = [part for band in bands for part in (band, gap)][:-1]
    save_png(np.concatenate(parts), picture)


def _at(picture: Picture, width: int, height: int) -> Picture:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _beside(pictures: list[Picture]) -> Picture:
    gap = np.full((len(pictures[0]), GAP, 3), 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (picture, gap)][:-1], 1)


if __name__ == "__main__":
    main()
