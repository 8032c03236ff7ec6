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
    """BlazePose-full landmarks of the tfjs-models tests: measured 6.5 px, 0.8 % of the person's height."""
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


def test_another_person_in_the_room_is_told_and_can_be_chosen(data_dir, tmp_path):
    """A man on the treadmill, and a woman behind him at the left edge of the 1080x1920 picture."""
    man, facts, progress = run(data_dir / "body" / "treadmill_cam01.mp4", tmp_path / "man")
    woman, _, _ = run(data_dir / "body" / "treadmill_cam01.mp4", tmp_path / "woman", person="1")
    assert facts["people"] == 2
    assert any("2 people seen, taking number 2 from the left (largest)" in line for line in progress.warnings)
    assert man.present.all()
    assert woman.present.mean() > 0.9
    assert np.nanmax(woman.image[..., 0]) < 200
    assert np.nanmax(man.image[..., 0], axis=1).min() > 500


def test_swapped_sides_are_repaired(data_dir, tmp_path):
    """MediaPipe takes this man's front for his back in some twenty frames of his side bend."""
    track, facts, _ = run(data_dir / "body" / "treadmill_cam02.mp4", tmp_path / "pose")
    assert facts["people"] == 1
    assert facts["swaps_repaired"] > 10
    assert (track.image[:, 11, 0] > track.image[:, 12, 0]).all()


class Killed(Silent):
    """Progress that interrupts the run after 40 frames."""

    left = 40

    def advance(self, amount=1, **info):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_a_killed_run_goes_on_to_the_same_landmarks(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr("vidgan.stages.pose.CHUNK", 32)
    video = data_dir / "body" / "squats_woman_5fps.mp4"
    whole, _, _ = run(video, tmp_path / "whole")
    (tmp_path / "killed").mkdir()
    stage = PoseStage(PoseConfig())
    with pytest.raises(KeyboardInterrupt):
        stage.run(StageContext(tmp_path / "killed", {"video": video}, "cpu", 0, Killed()))
    stage.run(StageContext(tmp_path / "killed", {"video": video}, "cpu", 0, Silent()))
    np.testing.assert_array_equal(PoseTrack.load(tmp_path / "killed" / "track.npz").image, whole.image)
