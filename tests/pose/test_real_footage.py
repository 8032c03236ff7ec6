"""MediaPipe on real clips; skipped where there are none."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vidgan.pose.body import facing, person_height
from vidgan.pose.track import PoseTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.pose import PoseConfig, PoseStage


def run(video, folder, **settings):
    folder.mkdir()
    progress = Silent()
    facts = PoseStage(PoseConfig(**settings)).run(StageContext(folder, {"video": video}, "cpu", 0, progress))
    return PoseTrack.load(folder / "track.npz"), facts, progress


def test_squats_agree_with_the_reference_landmarks(data_dir, tmp_path):
    """BlazePose-full landmarks of the tfjs-models tests: measured 6.7 px, 0.81 % of the person's height."""
    reference = np.array(json.loads((data_dir / "body" / "squats_woman_5fps.blazepose_full.json").read_text()))
    track, facts, _ = run(data_dir / "body" / "squats_woman_5fps.mp4", tmp_path / "pose", masks=True)
    assert facts["present"] == len(track) == len(reference) == 65
    error = np.linalg.norm(track.image - reference[..., :2], axis=-1)
    assert error.mean() < 9
    assert error.mean() / person_height(track) < 0.012
    masks = np.load(tmp_path / "pose" / "masks.npy", mmap_mode="r")
    assert masks.shape == (65, 384, 216)
    assert 0.05 < (masks > 127).mean() < 0.3


@pytest.mark.parametrize("clip", ["treadmill_cam02", "taichi_monk_10fps"])
def test_the_person_is_there_in_every_frame_and_moves_smoothly(data_dir, tmp_path, clip):
    track, _, _ = run(data_dir / "body" / f"{clip}.mp4", tmp_path / "pose")
    assert track.present.all()
    steps = np.linalg.norm(np.diff(track.image[:, 23:29], axis=0), axis=-1) / person_height(track)
    assert steps.max() < 0.12
    assert (np.abs(facing(track.world)) < np.pi / 2).mean() > 0.95  # both men face the camera: no swap is left


def test_another_person_in_the_room_is_told_and_not_taken(data_dir, tmp_path):
    _, facts, progress = run(data_dir / "body" / "treadmill_cam02.mp4", tmp_path / "pose")
    assert facts["people"] == 2
    assert facts["swaps_repaired"] > 10
    assert any("2 people seen, taking number 2 from the left (largest)" in line for line in progress.warnings)
