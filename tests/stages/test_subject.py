from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.subject.sticks import HEIGHT, WIDTH, background, save_pose, stick_frames, stick_track, write_stick_clip
from vidgan.errors import PersonError
from vidgan.pose.track import PoseTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.subject import SubjectConfig, SubjectStage, kept_frames, sharpness_of
from vidgan.subject.model import Subject
from vidgan.subject.window import crop as window_of


def run(folder, video, pose, **settings):
    """Run the stage; gives the subject, the facts and the progress."""
    folder.mkdir(exist_ok=True)
    progress = Silent()
    context = StageContext(folder, {"video": video, "pose": pose}, "cpu", 0, progress)
    facts = SubjectStage(SubjectConfig(**{"train_size": 32, "crop_size": 96} | settings)).run(context)
    return Subject.load(folder), facts, progress


@pytest.fixture
def subject(stick_subject_dir):
    return Subject.load(stick_subject_dir)


def test_the_subject_can_be_opened_and_fits_together(subject, stick_subject_dir):
    assert len(subject) == 30
    assert subject.frames.tolist() == list(range(30))
    assert subject.crops.shape == (30, 32, 32, 4)
    size = subject.facts["reference_size"]
    assert subject.references.shape == (30, size, size, 4)
    assert subject.plate.shape == (HEIGHT, WIDTH, 3)
    assert subject.blur.shape == (30,)
    assert 0 <= subject.blur.min() <= subject.blur.max() <= 1
    assert not subject.facts["camera"]["moving"]
    assert subject.facts["person_height"] == pytest.approx(84, rel=0.05)
    assert json.loads((stick_subject_dir / "subject.json").read_text()) == subject.facts


def test_the_plate_is_the_wall_without_the_person(subject):
    error = np.abs(subject.plate.astype(float) - background())
    seen = 1 - subject.facts["plate_inpainted"]
    assert seen > 0.8
    assert np.quantile(error.mean(-1), seen - 0.05) < 25  # what 4:2:0 leaves of its colours


def test_crops_show_the_person_in_the_window(subject):
    track = stick_track()
    _, masks = stick_frames(track)
    joints = subject.motion.points * 32
    for index in (0, 13, 29):
        matte = subject.crops[index, ..., 3]
        wanted = window_of(masks[index], subject.motion.windows[index], 32)
        assert np.abs(matte.astype(float) - wanted).mean() < 20
        x, y = joints[index, [11, 12, 23, 24]].mean(0).astype(int)
        assert matte[y, x] > 240


def test_references_are_spread_beyond_the_person(subject):
    """No wall is left beside the person: what is sampled a little beside them has their colour."""
    reference, size = subject.references[5], subject.facts["reference_size"]
    crop = cv2.resize(subject.crops[5], (size, size))
    inside = reference[..., 3] > 250
    assert np.abs(reference[inside, :3].astype(float) - crop[inside, :3]).mean() < 25
    outside = cv2.dilate(reference[..., 3], np.ones((7, 7))) == 0
    texture = [
        np.abs(np.diff(picture[..., :3].astype(float), axis=0))[outside[1:]].mean() for picture in (reference, crop)
    ]
    assert texture[0] < 0.5 * texture[1]


def test_the_same_input_gives_the_same_files(tmp_path, stick_clip, stick_pose, stick_subject_dir):
    run(tmp_path, stick_clip, stick_pose)
    for name in ("plate.png", "references.npy", "crops.npy", "subject.json"):
        assert (tmp_path / name).read_bytes() == (stick_subject_dir / name).read_bytes(), name


def test_frames_without_a_person_or_without_a_mask_are_left_out(tmp_path, stick_clip):
    track = stick_track(absent=(0, 1, 12))
    _, masks = stick_frames(track)
    masks[20] = 0  # filled in
    subject, facts, _ = run(tmp_path / "out", stick_clip, save_pose(tmp_path / "pose", track, masks))
    assert sorted(set(range(30)) - set(subject.frames)) == [0, 1, 12, 20]
    assert facts["frames"] == len(subject.motion) == 26
    assert np.isfinite(subject.motion.points).all()


def test_masks_may_come_smaller(tmp_path, stick_clip):
    track = stick_track()
    masks = np.stack([cv2.resize(mask, (56, 64), interpolation=cv2.INTER_AREA) for mask in stick_frames(track)[1]])
    subject, _, _ = run(tmp_path / "out", stick_clip, save_pose(tmp_path / "pose", track, masks))
    whole, _, _ = run(tmp_path / "whole", stick_clip, save_pose(tmp_path / "full", track, stick_frames(track)[1]))
    assert np.abs(subject.crops[..., 3].astype(float) - whole.crops[..., 3]).mean() < 10


@pytest.mark.parametrize("shown", [0, 1])
def test_a_target_that_shows_nobody_is_said_in_one_line(tmp_path, stick_clip, shown):
    track = stick_track(absent=range(shown, 30))
    with pytest.raises(PersonError) as caught:
        run(tmp_path / "out", stick_clip, save_pose(tmp_path / "pose", track, stick_frames(track)[1]))
    text = str(caught.value)
    assert "\n" not in text
    assert f"{shown} frame" in text
    assert "sticks.mp4" in text


def test_a_large_target_is_worked_on_smaller(tmp_path, stick_clip, stick_pose, stick_subject_dir):
    subject, _, _ = run(tmp_path, stick_clip, stick_pose, max_side=64)
    assert subject.plate.shape == (64, 56, 3)
    track, whole = (PoseTrack.load(folder / "track.npz") for folder in (tmp_path, stick_subject_dir))
    assert (track.width, track.height) == (56, 64)
    np.testing.assert_allclose(track.image, whole.image / 2, atol=1e-3)


@pytest.fixture
def panned_clip(tmp_path):
    """The camera pans 2 pixels a frame over a wide wall; the person keeps to the middle of the picture."""
    track = stick_track(24, size=(160, 144), tall=90)
    wall = cv2.GaussianBlur(background(240, 160), (0, 0), 0.8)
    pairs = [stick_frames(track[t : t + 1], wall[8:152, 10 + 2 * t : 170 + 2 * t]) for t in range(24)]
    pictures, masks = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    video = write_stick_clip(tmp_path / "panned.mp4", track, pictures)
    return video, save_pose(tmp_path / "panned", track, masks), track


def test_a_moving_camera_is_stabilised(tmp_path, panned_clip):
    video, pose, track = panned_clip
    _, facts, progress = run(tmp_path / "out", video, pose)
    assert facts["camera"]["moving"]
    assert any("camera moves" in warning for warning in progress.warnings)
    stable = PoseTrack.load(tmp_path / "out" / "track.npz")
    wanted = track.image + np.float32([2, 0]) * (np.arange(24) - 12)[:, None, None]
    assert np.abs(stable.image - wanted).max() < 2


def test_stabilising_can_be_switched_off(tmp_path, panned_clip):
    video, pose, track = panned_clip
    _, facts, progress = run(tmp_path / "out", video, pose, stabilise=False)
    assert not facts["camera"]["moving"]
    assert not progress.warnings
    np.testing.assert_array_equal(PoseTrack.load(tmp_path / "out" / "track.npz").image, track.image)


@given(present=arrays(bool, st.integers(1, 400)), limit=st.integers(2, 120))
def test_kept_frames_show_the_person_and_are_no_more_than_the_limit(present, limit):
    kept = kept_frames(present, limit)
    assert len(kept) <= limit
    assert present[kept].all()
    assert (np.diff(kept) > 0).all()
    if present.sum() <= limit:
        assert len(kept) == present.sum()
    else:
        assert len(kept) >= min(limit // 2, 2)


def test_kept_frames_are_runs_of_consecutive_ones_all_over_the_clip():
    kept = kept_frames(np.ones(2000, bool), 200)
    lengths = np.diff(np.concatenate([[-1], np.flatnonzero(np.diff(kept) > 1), [len(kept) - 1]]))
    assert lengths.min() >= 24
    assert kept[0] == 0
    assert kept[-1] == 1999


def test_a_sharper_person_has_a_higher_sharpness():
    rgb, mask = (frames[0] for frames in stick_frames(stick_track(1)))
    noisy = np.clip(rgb + np.random.default_rng(0).normal(0, 30, rgb.shape), 0, 255).astype(np.uint8)
    blurred = cv2.GaussianBlur(noisy, (0, 0), 2)
    assert sharpness_of(np.dstack([noisy, mask])) > sharpness_of(np.dstack([blurred, mask])) > 0
    assert sharpness_of(np.dstack([noisy, np.zeros_like(mask)])) == 0
