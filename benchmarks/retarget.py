"""Which retarget mode brings a motion nearest to how the target would dance it.

    python -m benchmarks.retarget --seeds 0,1,2,3,4,5,6,7 --json out/retarget.json

For every seed two synthetic performers of different build share a dance, as in `vidgan performers`, but only their
exact landmarks are made, no pictures. The source's track is retargeted with the target's footage as the reference, in
every mode, and compared with the track of the truth: mean landmark distance in % of the person's height, as placed, and
`shape %`, after the mean place over the whole clip is taken out (where to stand is not in the two clips).
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import get_args

import click
import numpy as np

from benchmarks.common import JSON_OPTION, Row, finish, mean_rows, say
from vidgan.metrics.pose_error import pose_error
from vidgan.performers.landmarks import LandmarkMap
from vidgan.performers.pair import Setting, plan_pair
from vidgan.performers.people import Person
from vidgan.performers.performer import Performer
from vidgan.performers.rig import Motion
from vidgan.pose.retarget import RetargetConfig, retarget
from vidgan.pose.track import LANDMARKS, PoseTrack

FPS, SIZE = 25, 256


def exact_track(person: Person, motion: Motion, setting: Setting) -> PoseTrack:
    """The landmarks of a dance as a camera sees them, all taken as visible."""
    performer = Performer(person)
    find = LandmarkMap(performer.body)
    maps, roots = performer.body.transforms(motion.rotations), performer.place(motion)
    count = len(motion)
    image = np.zeros((count, len(LANDMARKS), 2), np.float32)
    world = np.zeros((count, len(LANDMARKS), 3), np.float32)
    hips = [LANDMARKS.index("left_hip"), LANDMARKS.index("right_hip")]
    for index in range(count):
        origin, axes = setting.camera.at(index / FPS)
        local = (find(maps[index], roots[index]) - origin) @ axes.T
        image[index] = local[:, :2] / local[:, 2:] * setting.camera.focal * SIZE + SIZE / 2
        world[index] = local - local[hips].mean(0)
    return PoseTrack(
        image, world, np.ones((count, len(LANDMARKS)), np.float32), np.ones(count, bool),
        np.arange(count, dtype=np.int64), Fraction(1, FPS), SIZE, SIZE, "exact",
    )  # fmt: skip


def errors(source: PoseTrack, target: PoseTrack, truth: PoseTrack) -> list[Row]:
    """A row for each mode."""
    rows: list[Row] = []
    for mode in get_args(RetargetConfig.model_fields["mode"].annotation):
        track, _ = retarget(source, target, RetargetConfig(mode=mode))
        offset = np.nanmean(truth.image - track.image, axis=(0, 1))
        placed = replace(track, image=track.image + offset)
        rows.append(
            {"mode": mode, "placed %": pose_error(track, truth).mean, "shape %": pose_error(placed, truth).mean}
        )
    return rows


@click.command()
@click.option("--seeds", default="0,1,2,3,4,5,6,7", show_default=True, help="Pairs, by their seeds.")
@click.option("--frames", default=150, show_default=True, help="Length of the dances.")
@JSON_OPTION
def main(seeds: str, frames: int, json_file: Path | None) -> None:
    """Compare the retarget modes on exact landmarks."""
    rows: list[Row] = []
    for seed in map(int, seeds.split(",")):
        say(f"seed {seed}")
        pair = plan_pair(seed, frames, FPS)
        tracks = (
            exact_track(pair.driver, pair.driving, pair.here),
            exact_track(pair.subject, pair.footage, pair.there),
            exact_track(pair.subject, pair.driving, pair.there),
        )
        rows += [{"seed": seed} | row for row in errors(*tracks)]
    shown = mean_rows([{name: value for name, value in row.items() if name != "seed"} for row in rows], "mode")
    finish(f"retarget modes, mean over seeds {seeds}", shown, {}, json_file, per_seed=rows)


if __name__ == "__main__":
    main()
