"""How a person's mouth is best learnt from seconds of their film: ridge regression, the map, and its correction.

    python -m benchmarks.voice FILM.mp4 ... --json out/voice.json

Every film is split three times: its last, its first and its middle 30 % are spoken with its own sound by what was
learnt of the rest. The scores are the correlations of the mouth's opening: of ridge regression on plain windows of
log-mel, its strength chosen on what is learnt; of the tapered linear map alone; with all of the networks' correction;
and with the share of it (`trust`) that `vidgan dub` chooses on stretches left out of what is learnt.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, JSON_OPTION, Row, markdown, say
from vidgan.audio.features import LogMel
from vidgan.audio.hearing import Hearing
from vidgan.audio.own import own_sound
from vidgan.face.head import head_pose, to_head
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.metrics.lip_sync import best_lag, correlation
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage, FaceStageConfig
from vidgan.stages.voice import VoiceStage, by_ridge, spoken_frames, steadied
from vidgan.tasks.voice import VoiceConfig, predict

SHARE = 0.3


def splits(count: int) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """What is learnt and what is scored, in frames, by name."""
    held, every = round(SHARE * count), np.arange(count)
    firsts = {"last": count - held, "first": 0, "middle": (count - held) // 2}
    parts = {name: every[first : first + held] for name, first in firsts.items()}
    return {name: (np.setdiff1d(every, part), part) for name, part in parts.items()}


def scores(film: Path, config: VoiceConfig) -> list[Row]:
    """A row for each split of a film."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        FaceStage(FaceStageConfig()).run(StageContext(folder, {"video": film}, "cpu", 0, Silent()))
        track = FaceTrack.load(folder / "track.npz")
        frames = np.flatnonzero(track.present)
        head = to_head(track.points[frames], head_pose(track[frames]))
        seconds = track.pts[frames].astype(np.float64) * float(track.time_base)
        heard, stage = Hearing.of(own_sound(film), LogMel()), VoiceStage(config)
        for split, (known, held) in splits(len(frames)).items():
            context = StageContext(folder / split, {}, "cpu", 0, Silent())
            shape = MouthShape.of(head[known], config.coefficients)
            every = spoken_frames(heard, LogMel(), shape, head, seconds)
            task = stage.learn(context, "whole", every.part(known))
            rate, wanted = 1 / float(np.median(np.diff(seconds))), mouth_opening(head[held])

            def opening(mouths: NDArray, shape: MouthShape = shape) -> NDArray[np.float64]:
                return mouth_opening(shape.faces(mouths * shape.spread))

            row: Row = {"film": film.stem, "split": split, "frames": len(known)}
            row["ridge"] = correlation(opening(by_ridge(every.part(known), every.part(held), task.reach)), wanted)
            trust = stage.trusted(context, every.part(known))
            for title, share in (("map", 0.0), ("corrected", 1.0), ("chosen", trust)):
                task.trust(share)
                made = opening(steadied(predict(task.ensemble, every.part(held), task.reach), rate))
                row[title] = correlation(made, wanted)
            rows.append(row | {"trust": trust, "lag": best_lag(made, wanted)})
            say(f"{film.name}, {split}: {row['chosen']:.2f}")
    return rows


@click.command()
@click.argument("films", type=FILE, nargs=-1, required=True)
@JSON_OPTION
def main(films: tuple[Path, ...], json_file: Path | None) -> None:
    """Learn, score, print the table."""
    rows = [row for film in films for row in scores(film, VoiceConfig())]
    click.echo(markdown(rows, {"frames": 0, "lag": 0}))
    if json_file:
        json_file.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
