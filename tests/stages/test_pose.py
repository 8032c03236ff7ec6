from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from tests.pose.skeletons import figure
from tests.video.clips import numbered_frame, write_clip
from vidgan.errors import PersonError, UsageError
from vidgan.pose import backend as backends
from vidgan.pose.backend import Detection
from vidgan.pose.track import JOINT, PoseTrack
from vidgan.progress import Silent
from vidgan.stages import pose
from vidgan.stages.base import StageContext
from vidgan.stages.pose import PoseConfig, PoseStage

WIDTH, HEIGHT = 160, 120


class DriftBackend:
    """Finds somebody who walks to the right, and whose nose also remembers how many frames it has tracked."""

    name, several = "drift", True
    stop_at = None
    absent = frozenset()

    def __init__(self, config, masks):
        self.masks, self.tracked = masks, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def reset(self):
        self.tracked = 0

    def detect(self, rgb, index, seconds):
        if index == self.stop_at:
            raise KeyboardInterrupt
        if index in self.absent:
            return []
        scale = rgb.shape[1] / WIDTH
        image = figure(80 * scale, ((50 + index) * scale, 110 * scale)).astype(np.float32)
        image[0] += 0.1 * min(self.tracked, 20) * scale
        self.tracked += 1
        mask = np.full(rgb.shape[:2], 40 + index, np.uint8) if self.masks else None
        world = np.concatenate([image, np.zeros((33, 1))], axis=1).astype(np.float32) / 50
        return [Detection(image, world, np.ones(33, np.float32), mask)]


@pytest.fixture(autouse=True)
def drift(monkeypatch):
    """The fake backend in the place of MediaPipe's, and chunks of 16 frames."""
    monkeypatch.setitem(backends.BACKENDS, "mediapipe", DriftBackend)
    monkeypatch.setattr(pose, "CHUNK", 16)
    monkeypatch.setattr(DriftBackend, "absent", frozenset())
    monkeypatch.setattr(DriftBackend, "stop_at", None)
    return DriftBackend


@pytest.fixture(scope="session")
def walk_clip(clips_dir):
    """50 frames of 160x120; who walks there is the fake backend's business."""
    return write_clip(clips_dir / "walk.mp4", (numbered_frame(i, WIDTH, HEIGHT) for i in range(50)))


def run(video, folder, progress=None, **settings):
    folder.mkdir(exist_ok=True)
    context = StageContext(folder, {"video": video}, "cpu", 0, progress or Silent())
    facts = PoseStage(PoseConfig(**settings)).run(context)
    return PoseTrack.load(folder / "track.npz"), facts


def test_a_track_and_masks_for_every_frame(walk_clip, tmp_path):
    track, facts = run(walk_clip, tmp_path / "out", masks=True)
    masks = np.load(tmp_path / "out" / "masks.npy", mmap_mode="r")
    assert len(track) == facts["frames"] == facts["present"] == 50
    assert (track.width, track.height, track.backend) == (WIDTH, HEIGHT, "drift")
    assert masks.shape == (50, HEIGHT, WIDTH)
    assert [int(mask.mean()) for mask in masks] == list(range(40, 90))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["masks.npy", "track.npz"]
    json.dumps(facts)


def test_masks_are_made_only_when_asked_for(walk_clip, tmp_path):
    run(walk_clip, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["track.npz"]


def test_pixels_are_the_displayed_frames_at_any_reading_size(walk_clip, tmp_path):
    full, _ = run(walk_clip, tmp_path / "full", masks=True)
    small, _ = run(walk_clip, tmp_path / "small", max_side=80, masks=True, mask_side=40)
    np.testing.assert_allclose(small.image[:, 11:], full.image[:, 11:], atol=0.01)
    assert np.load(tmp_path / "small" / "masks.npy").shape == (50, 30, 40)


@pytest.mark.parametrize("stop", [3, 16, 37, 49])
def test_a_killed_run_goes_on_and_gives_the_same(walk_clip, tmp_path, drift, monkeypatch, stop):
    whole, _ = run(walk_clip, tmp_path / "whole", masks=True)
    monkeypatch.setattr(drift, "stop_at", stop)
    with pytest.raises(KeyboardInterrupt):
        run(walk_clip, tmp_path / "killed", masks=True)
    monkeypatch.setattr(drift, "stop_at", None)
    progress = Silent()
    resumed, _ = run(walk_clip, tmp_path / "killed", progress, masks=True)
    np.testing.assert_array_equal(resumed.image, whole.image)
    np.testing.assert_array_equal(resumed.pts, whole.pts)
    np.testing.assert_array_equal(np.load(tmp_path / "killed" / "masks.npy"), np.load(tmp_path / "whole" / "masks.npy"))
    assert any(f"goes on at frame {stop // 16 * 16}" in note for note in progress.notes) == (stop >= 16)


def test_missing_people_are_filled_in_briefly_and_told_at_length(walk_clip, tmp_path, drift, monkeypatch):
    monkeypatch.setattr(drift, "absent", frozenset({5, 6, *range(20, 40)}))
    progress = Silent()
    track, facts = run(walk_clip, tmp_path / "out", progress, masks=True)
    assert facts["filled"] == [(5, 6)]
    assert facts["missing"] == [(20, 39)]
    assert facts["present"] == int(track.present.sum()) == 30
    assert progress.warnings == ["walk.mp4: no person in 20 of 50 frames: 0.80-1.56 s"]
    assert np.load(tmp_path / "out" / "masks.npy")[[5, 6, 30]].max() == 0


def test_nobody_in_the_video_is_an_error(walk_clip, tmp_path, drift, monkeypatch):
    monkeypatch.setattr(drift, "absent", frozenset(range(50)))
    with pytest.raises(PersonError, match=r"walk.mp4: no person found in its 50 frames"):
        run(walk_clip, tmp_path / "out")


@pytest.mark.parametrize(("person", "error"), [("2", PersonError), ("0", UsageError), ("tallest", UsageError)])
def test_a_person_who_is_not_there(walk_clip, tmp_path, person, error):
    with pytest.raises(error, match=person):
        run(walk_clip, tmp_path / "out", person=person)


def test_uneven_times_are_kept(vfr_clip, vfr_times, tmp_path):
    track, _ = run(vfr_clip, tmp_path / "out")
    assert [pts * track.time_base for pts in track.pts.tolist()] == vfr_times[: len(track)]


def test_one_frame(one_frame_clip, tmp_path):
    track, _ = run(one_frame_clip, tmp_path / "out", masks=True)
    assert track.present.tolist() == [True]


def test_precomputed_landmarks_choose_people_too(walk_clip, tmp_path):
    def openpose(x, height):
        from tests.pose.test_precomputed import openpose_person

        return openpose_person(figure(height, (x, 110)))

    frames = [{"people": [openpose(110, 90), openpose(30 + i / 10, 60)][:: 1 if i % 2 else -1]} for i in range(50)]
    (tmp_path / "keypoints.json").write_text(json.dumps(frames))
    settings = {"backend": "precomputed", "precomputed": tmp_path / "keypoints.json"}
    for person, start, end in (("largest", 110, 110), ("1", 30, 34.9)):
        track, facts = run(walk_clip, tmp_path / person, person=person, **settings)
        assert facts["people"] == 2
        assert track.image[[0, -1], JOINT["nose"], 0] == pytest.approx([start, end], abs=0.3)


def test_times_start_at_the_clips_start(late_start_clip, tmp_path):
    track, _ = run(late_start_clip, tmp_path / "out")
    assert Fraction(int(track.pts[0])) * track.time_base > 0
    assert track.present.all()
