from __future__ import annotations

import json
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.video.clips import numbered_frame, write_clip
from vidgan.errors import CacheError, ConfigError, MediaError, PersonError
from vidgan.face.expression import expression_of
from vidgan.face.head import angles, head_pose
from vidgan.face.motion import FaceMotion
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import FaceTransferConfig, drive
from vidgan.progress import Silent
from vidgan.stages import pose
from vidgan.stages.base import StageContext
from vidgan.stages.driver import DriverStage, load_motion
from vidgan.stages.face import FaceStage
from vidgan.video.read import ClipReader

FACES = ROOT / "samples" / "faces"
SHOWN = 25


@pytest.fixture(scope="session")
def portrait():
    return cv2.imread(str(FACES / "portrait.jpg"))[..., ::-1].copy()


@pytest.fixture(scope="session")
def short_driver(clips_dir):
    """The first second of the synthetic driver."""
    with ClipReader(FACES / "driver.mp4") as reader:
        return write_clip(clips_dir / "driver.mp4", [frame.rgb for _, frame in zip(range(SHOWN), reader, strict=False)])


def picture(path, rgb):
    cv2.imwrite(str(path), np.ascontiguousarray(rgb[..., ::-1]))
    return path


def run(video, folder, progress=None, stage=FaceStage, **settings):
    folder.mkdir(exist_ok=True)
    context = StageContext(folder, {"video": video}, "cpu", 0, progress or Silent())
    return stage(stage.Config(**settings)).run(context)


def test_the_face_of_a_clip_is_followed_with_masks(short_driver, tmp_path):
    facts = run(short_driver, tmp_path / "out", masks=True)
    track = FaceTrack.load(tmp_path / "out" / "track.npz")
    masks = np.load(tmp_path / "out" / "masks.npy")
    assert len(track) == len(masks) == facts["present"] == SHOWN
    assert facts["people"] == 1
    assert 0.2 < (masks[0] > 127).mean() < 0.8
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["masks.npy", "track.npz"]
    json.dumps(facts)


def test_head_pose_and_openness_are_those_that_were_drawn(tmp_path):
    from benchmarks.talking_head import acting

    run(FACES / "driver.mp4", tmp_path / "out")
    track = FaceTrack.load(tmp_path / "out" / "track.npz")
    acts = acting(len(track), 1, 22.0)
    yaw = angles(head_pose(track).rotation)[:, 0]
    drawn = np.array([act[0] for act in acts])
    assert np.corrcoef(yaw, drawn)[0, 1] > 0.99
    assert np.abs(yaw - drawn).max() < 6
    found = expression_of(track)
    assert np.corrcoef(found.mouth, [act[-1]["jawOpen"] for act in acts])[0, 1] > 0.9
    assert np.corrcoef(found.eyes, [-act[-1]["eyeBlinkLeft"] for act in acts])[0, 1] > 0.85


def test_a_picture_is_a_clip_of_one_frame(portrait, tmp_path):
    run(picture(tmp_path / "one.jpg", portrait), tmp_path / "out")
    assert FaceTrack.load(tmp_path / "out" / "track.npz").present.tolist() == [True]


def test_a_small_face_in_a_large_frame_is_found(portrait, tmp_path):
    small = cv2.resize(portrait, (170, 170), interpolation=cv2.INTER_AREA)
    frame = np.full((1080, 1920, 3), 96, np.uint8)
    frame[700:870, 1500:1670] = small
    facts = run(picture(tmp_path / "small.png", frame), tmp_path / "out")
    box = FaceTrack.load(tmp_path / "out" / "track.npz").image[0]
    assert 1500 < box[:, 0].min() < box[:, 0].max() < 1670
    assert facts["face_width"] < 100


def test_several_faces_are_told_and_chosen(portrait, tmp_path):
    left = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    frame = np.zeros((384, 700, 3), np.uint8) + portrait[2, 2]
    frame[:300, :300], frame[:, 316:] = left, portrait
    path = picture(tmp_path / "two.png", frame)
    progress, places = Silent(), {}
    for person in ("largest", "left", "2"):
        assert run(path, tmp_path / person, progress, person=person)["people"] == 2
        places[person] = FaceTrack.load(tmp_path / person / "track.npz").image[0, :, 0].mean()
    assert places["left"] < 300 < places["largest"] == places["2"]
    assert "2 faces seen, taking number 2 from the left (largest); --person chooses another" in progress.warnings[0]
    with pytest.raises(PersonError, match="person 3 was asked for but only 2 found"):
        run(path, tmp_path / "three", person="3")


def test_the_asked_face_is_taken_also_when_all_come_late(portrait, clips_dir, tmp_path):
    small = cv2.resize(portrait, (300, 300), interpolation=cv2.INTER_AREA)
    both = np.zeros((384, 700, 3), np.uint8) + portrait[2, 2]
    both[:300, :300], both[:, 316:] = small, portrait
    frames = [np.full_like(both, 80)] * 23 + [both] * 5
    clip = write_clip(clips_dir / "late.mp4", frames, rate=Fraction(2))
    progress = Silent()
    assert run(clip, tmp_path / "out", progress, person="left")["people"] == 2
    track = FaceTrack.load(tmp_path / "out" / "track.npz")
    assert track.present[24:].all()
    assert track.image[24:, :, 0].max() < 310
    assert any("taking number 1 from the left (left)" in warning for warning in progress.warnings)


def test_faces_that_overlap_are_told(portrait, tmp_path):
    shift = 80
    frame = np.zeros((384, 384 + shift, 3), np.uint8)
    frame[:, shift:] = portrait
    frame[:, :225] = portrait[:, 40:265]
    progress = Silent()
    run(picture(tmp_path / "both.png", frame), tmp_path / "out", progress)
    assert any("another face overlaps" in warning for warning in progress.warnings)


def test_no_face_is_an_error(clips_dir, tmp_path):
    blank = write_clip(clips_dir / "blank.mp4", map(numbered_frame, range(5)))
    with pytest.raises(PersonError, match=r"blank.mp4: no face found in its 5 frames") as error:
        run(blank, tmp_path / "out")
    assert "\n" not in str(error.value)


def test_a_face_too_small_to_use_is_an_error(portrait, tmp_path):
    small = cv2.resize(portrait, (80, 80), interpolation=cv2.INTER_AREA)
    with pytest.raises(PersonError, match="the face is only .* pixels wide, 48 are needed"):
        run(picture(tmp_path / "tiny.png", small), tmp_path / "out")


def test_an_unknown_person_is_refused(short_driver, tmp_path):
    with pytest.raises(ConfigError, match="tallest"):
        run(short_driver, tmp_path / "out", person="tallest")


def test_a_killed_run_goes_on_and_gives_the_same(short_driver, tmp_path, monkeypatch):
    from vidgan.face.follow import FaceFollower

    monkeypatch.setattr(pose, "CHUNK", 8)
    run(short_driver, tmp_path / "whole", masks=True)
    follow = FaceFollower.detect

    def dies(self, rgb, index, seconds):
        if index == 19:
            raise KeyboardInterrupt
        return follow(self, rgb, index, seconds)

    monkeypatch.setattr(FaceFollower, "detect", dies)
    with pytest.raises(KeyboardInterrupt):
        run(short_driver, tmp_path / "killed", masks=True)
    monkeypatch.setattr(FaceFollower, "detect", follow)
    progress = Silent()
    run(short_driver, tmp_path / "killed", progress, masks=True)
    assert any("goes on at frame 16" in note for note in progress.notes)
    whole, killed = (FaceTrack.load(tmp_path / name / "track.npz") for name in ("whole", "killed"))
    np.testing.assert_array_equal(whole.image, killed.image)
    np.testing.assert_array_equal(*(np.load(tmp_path / name / "masks.npy") for name in ("whole", "killed")))


def test_a_face_that_comes_back_is_found_again(portrait, clips_dir, tmp_path):
    gone = np.full_like(portrait, 80)
    clip = write_clip(clips_dir / "back.mp4", [portrait] * 8 + [gone] * 14 + [portrait] * 12)
    progress = Silent()
    run(clip, tmp_path / "out", progress)
    present = FaceTrack.load(tmp_path / "out" / "track.npz").present
    assert present[:8].all()
    assert not present[10:20].any()
    assert present[28:].all()
    assert "no face in" in progress.warnings[0]


def test_a_drivers_shots_are_kept_apart(short_driver, tmp_path):
    """The driver from afar to the left, and from nearer to the right, before another wall."""
    with ClipReader(short_driver) as reader:
        faces = [cv2.resize(frame.rgb, (320, 320)) for frame in reader]
    frames = []
    for side, left, shade in ((240, 20, 40), (320, 300, 200)):
        for face in faces:
            frame = np.full((320, 640, 3), shade, np.uint8)
            frame[320 - side :, left : left + side] = cv2.resize(face, (side, side))
            frames.append(frame)
    clip = write_clip(tmp_path / "cut.mp4", frames)
    assert run(clip, tmp_path / "out", stage=DriverStage)["cuts"] == 1
    motion = load_motion(tmp_path / "out")
    assert motion.shots.tolist() == [0] * SHOWN + [1] * SHOWN
    driven = drive(motion.points, motion.neutral, motion.points[0], FaceTransferConfig(), shots=motion.shots)
    far, near = driven.pose[np.arange(SHOWN)], driven.pose[np.arange(SHOWN, 2 * SHOWN)]
    np.testing.assert_allclose(near.translation[:, :2], far.translation[:, :2], atol=0.06 * far.scale[0])
    np.testing.assert_allclose(near.scale, far.scale, rtol=0.04)


def test_the_driver_is_its_track_its_rest_and_its_mouths(short_driver, tmp_path):
    facts = run(short_driver, tmp_path / "out", stage=DriverStage)
    motion = FaceMotion.load(tmp_path / "out" / "motion.npz")
    assert len(motion.track) == len(motion.mouths) == SHOWN
    assert 0 <= facts["neutral"] < SHOWN
    assert motion.mouths.skin.min() > 40
    again = run(tmp_path / "out" / "motion.npz", tmp_path / "again", stage=DriverStage)
    assert again["saved"]
    np.testing.assert_array_equal(FaceMotion.load(tmp_path / "again" / "motion.npz").track.image, motion.track.image)
    for folder in ("out", "again"):
        kept = load_motion(tmp_path / folder)
        assert isinstance(kept.mouths.pictures, np.memmap)
        np.testing.assert_array_equal(kept.mouths.pictures, motion.mouths.pictures)
        np.testing.assert_array_equal(kept.track.depth, motion.track.depth)
    assert motion.mouths.pictures.reshape(SHOWN, -1).max(1).min() > 0
    assert facts["cuts"] == 0
    (tmp_path / "again" / "pictures.npy").write_bytes(b"")
    with pytest.raises(CacheError, match="again is damaged"):
        load_motion(tmp_path / "again")
    (tmp_path / "bad.npz").write_bytes(b"PK")
    with pytest.raises(MediaError, match="no motion of vidgan"):
        run(tmp_path / "bad.npz", tmp_path / "bad", stage=DriverStage)
