from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from tests.face.faces import lids, open_mouth, pose, talking, track_of
from vidgan.errors import MediaError
from vidgan.face import regions as at
from vidgan.face.expression import expression_of, neutral_frame
from vidgan.face.finish import FaceFinishConfig, finish
from vidgan.face.head import angles, fit_similarity, from_head, head_pose, neutral_mesh, rotation_of, to_head, triangles
from vidgan.face.motion import FaceMotion
from vidgan.face.mouths import SIZE, Mouths, colour_gain, cut
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import FaceTransferConfig, drive


def test_a_track_survives_its_file_and_slicing(tmp_path):
    track, _ = talking(6)
    track = replace(track, facts={"found": 6, "missing": [(1, 2)]})
    track.save(tmp_path / "track.npz")
    back = FaceTrack.load(tmp_path / "track.npz")
    np.testing.assert_array_equal(back.image, track.image)
    np.testing.assert_array_equal(back[2:4].depth, track.depth[2:4])
    assert (back.time_base, back.width, back.backend) == (track.time_base, track.width, "made")
    assert back.facts == json.loads(json.dumps(track.facts))


def test_the_neutral_mesh_is_a_face():
    mesh = neutral_mesh()
    assert mesh.shape == (at.LANDMARKS, 3)
    assert np.linalg.norm(mesh[33] - mesh[263]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(mesh[list(at.RIGID)].mean(0), 0, atol=1e-4)
    assert mesh[263, 0] > mesh[33, 0]  # the person's left is at the picture's right
    assert mesh[152, 1] > mesh[4, 1] > mesh[10, 1]  # chin below nose below forehead
    assert mesh[4, 2] < mesh[[234, 454], 2].min()  # the nose is nearer than the ears
    np.testing.assert_allclose(mesh[at.RIGHT_EYE[0]] * [-1, 1, 1], mesh[at.LEFT_EYE[0]], atol=1e-5)


def test_the_triangles_cover_the_mesh_but_eyes_and_mouth():
    faces = triangles()
    edges = {tuple(sorted(edge)) for face in faces.tolist() for edge in zip(face, face[1:] + face[:1], strict=True)}
    assert len(set(faces.ravel().tolist())) == at.MESH
    assert at.MESH - len(edges) + len(faces) == 1 - 3  # Euler: a disc with three holes


@pytest.mark.parametrize("degrees", [(0, 0, 0), (25, 0, 0), (-18, 10, 5), (3, -20, -12)])
def test_angles_and_rotations_invert_each_other(degrees):
    np.testing.assert_allclose(angles(rotation_of(np.array(degrees))), degrees, atol=1e-9)


def test_yaw_to_the_right_moves_the_nose_to_the_right_and_pitch_lifts_it():
    nose = neutral_mesh()[4]
    assert (rotation_of(np.array([20.0, 0, 0])) @ nose)[0] > nose[0]
    assert (rotation_of(np.array([0, 20.0, 0])) @ nose)[1] < nose[1]
    assert (rotation_of(np.array([0, 0, 20.0])) @ neutral_mesh()[263])[1] > 0.1


def test_head_pose_is_found_again_whatever_the_expression():
    degrees = np.array([[0, 0, 0], [22, 5, -8], [-25, -10, 12]])
    heads = [neutral_mesh(), open_mouth(neutral_mesh(), 0.2), lids(neutral_mesh(), 0.1)]
    found = head_pose(track_of(heads, pose(degrees, scale=75)))
    np.testing.assert_allclose(angles(found.rotation), degrees, atol=0.5)
    np.testing.assert_allclose(found.scale, 75, rtol=0.01)


def test_similarity_against_a_known_one():
    rng = np.random.default_rng(0)
    source = rng.normal(size=(12, 3))
    rotation = rotation_of(np.array([30.0, -20, 40]))
    fit = fit_similarity(source, 2.5 * source @ rotation.T + [1, 2, 3])
    np.testing.assert_allclose(fit.rotation, rotation, atol=1e-9)
    assert fit.scale == pytest.approx(2.5)
    np.testing.assert_allclose(fit.translation, [1, 2, 3], atol=1e-9)


def test_the_head_frame_and_back():
    track, _ = talking(5)
    poses = head_pose(track)
    np.testing.assert_allclose(from_head(to_head(track.points, poses), poses), track.points, atol=1e-3)


def test_expression_does_not_see_head_pose():
    heads = [open_mouth(neutral_mesh(), 0.1)] * 3
    found = expression_of(track_of(heads, pose([[0, 0, 0], [20, 8, 3], [-20, -8, -9]])))
    assert np.ptp(found.mouth) < 0.01
    assert found.mouth.mean() == pytest.approx(expression_of(track_of(heads[:1], pose([0, 0, 0]))).mouth[0], abs=0.01)


def test_openness_follows_mouth_and_lids():
    track, amounts = talking(40)
    found = expression_of(track)
    assert np.corrcoef(found.mouth, amounts)[0, 1] > 0.999
    assert found.eyes.min() < 0.4 * np.median(found.eyes)


def test_gaze_follows_the_irises():
    looking = np.array(neutral_mesh())
    looking[list(at.LEFT_IRIS + at.RIGHT_IRIS)] += [0.05, 0.02, 0]
    still = expression_of(track_of([neutral_mesh(), looking], pose(np.zeros((2, 3)))))
    assert still.gaze_x[1] - still.gaze_x[0] > 0.1
    assert still.gaze_y[1] - still.gaze_y[0] > 0.04


def test_the_neutral_frame_is_at_rest_and_not_simply_the_first():
    time = np.linspace(0, 1, 30)
    heads = [open_mouth(lids(neutral_mesh(), 0.1 if i < 3 else 1), 0 if 11 < i < 19 else 0.15) for i in range(30)]
    track = track_of(heads, pose(np.stack([15 * np.cos(6 * time), 0 * time, 0 * time], 1)))
    assert 12 <= neutral_frame(track) <= 18
    assert 12 <= neutral_frame(replace(track, present=np.arange(30) != 15)) <= 18


def test_narrowed_eyes_and_lips_apart_are_no_rest_however_lively_the_face():
    mouths, eyes = 0.05 + 0.1 * (1 + np.sin(np.arange(60))), np.ones(60)
    mouths[20:25], eyes[20:25] = 0.05, 0.7
    mouths[40:44] = 0
    heads = [open_mouth(lids(neutral_mesh(), eye), mouth) for eye, mouth in zip(eyes, mouths, strict=True)]
    nods = np.stack([np.zeros(60), np.where(np.arange(60) // 4 == 10, -5, 0), np.zeros(60)], 1)
    assert 40 <= neutral_frame(track_of(heads, pose(nods))) < 44


def test_short_gaps_are_filled_and_long_ones_told():
    track, _ = talking(40)
    raw = {"image": track.image.copy(), "depth": track.depth.copy(), "pts": track.pts}
    for frames in (slice(4, 6), slice(20, 34)):
        raw["image"][frames], raw["depth"][frames] = np.nan, np.nan
    done = finish(raw, track.time_base, track.width, track.height, "made", FaceFinishConfig())
    assert done.facts["filled"] == [(4, 5)]
    assert done.facts["missing"] == [(20, 33)]
    assert np.isfinite(done.image[done.present]).all()
    assert np.isnan(done.image[25]).all()


def test_smoothing_stills_trembling_without_lag():
    track, _ = talking(100, reach=15)
    rng = np.random.default_rng(1)
    noisy = track.image + rng.normal(0, 0.15, track.image.shape).astype(np.float32)
    raw = {"image": noisy, "depth": track.depth, "pts": track.pts}
    done = finish(raw, track.time_base, track.width, track.height, "made", FaceFinishConfig())
    before, after = np.abs(noisy - track.image).mean(), np.abs(done.image - track.image).mean()
    assert after < 0.8 * before
    path, true = done.image[:, 4, 0], track.image[:, 4, 0]
    shifts = [np.mean((path[5:-5] - np.roll(true, lag)[5:-5]) ** 2) for lag in (-1, 0, 1)]
    assert int(np.argmin(shifts)) == 1


def motion(count=8):
    track, _ = talking(count)
    pictures, rings = zip(*(cut(np.full((240, 320, 3), 90, np.uint8), image) for image in track.image), strict=True)
    return FaceMotion(
        track, 0, Mouths(np.array(pictures), np.array(rings), np.full((len(pictures), 3), 90, np.float32))
    )


def test_a_motion_survives_its_file(tmp_path):
    made = replace(motion(), cuts=np.array([3]))
    made.save(tmp_path / "m.npz")
    back = FaceMotion.load(tmp_path / "m.npz")
    assert back.shots.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    np.testing.assert_array_equal(back.track.image, made.track.image)
    np.testing.assert_array_equal(back.mouths.pictures, made.mouths.pictures)
    assert back.neutral == 0


def test_the_mouths_of_a_long_motion_are_mapped_and_not_held(tmp_path):
    track, _ = talking(200)
    pictures = np.random.default_rng(0).integers(0, 255, (200, *SIZE, 3), np.uint8)
    rings = np.zeros((200, len(at.LIPS_INNER), 2), np.float32)
    FaceMotion(track, 0, Mouths(pictures, rings, np.zeros((200, 3), np.float32))).save(tmp_path / "m.npz")
    tracemalloc.start()
    back = FaceMotion.load(tmp_path / "m.npz", tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < pictures.nbytes / 3  # the landmarks are a tenth of it
    np.testing.assert_array_equal(back.mouths.pictures, pictures)


def unmeasured():
    """Motions with a place, a depth or a colour that is no number in a frame that shows the face."""
    for name in ("rings", "skin", "image", "depth"):
        one = motion()
        values = getattr(one.mouths if name in ("rings", "skin") else one.track, name).copy()
        values[2, 0] = np.nan
        if name in ("rings", "skin"):
            yield replace(one, mouths=replace(one.mouths, **{name: values}))
        else:
            yield replace(one, track=replace(one.track, **{name: values}))


def test_files_that_are_no_motion_are_refused_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", values=np.zeros(3))
    track = motion().track
    track.save(tmp_path / "track.npz")
    for name in ("text", "other", "track"):
        with pytest.raises(MediaError, match="no motion of vidgan") as error:
            FaceMotion.load(tmp_path / f"{name}.npz")
        assert "\n" not in str(error.value)
    broken = motion()
    broken = replace(broken, mouths=replace(broken.mouths, pictures=broken.mouths.pictures[:3]))
    overflowing = [2**62, -(2**63), -(2**62)]  # their differences wrap round to rise from 0 to the end
    wrong = ([5, 3], [8], [-1], [0], [1.5], [[2]], overflowing)
    for one in (broken, *unmeasured(), *(replace(motion(), cuts=np.array(cuts)) for cuts in wrong)):
        one.save(tmp_path / "broken.npz")
        with pytest.raises(MediaError, match="damaged"):
            FaceMotion.load(tmp_path / "broken.npz")


def test_a_motion_of_before_cuts_were_kept_is_one_shot(tmp_path):
    motion().save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as data:
        np.savez(tmp_path / "old.npz", **{name: data[name] for name in data.files if name != "cuts"})
    assert not FaceMotion.load(tmp_path / "old.npz").shots.any()


def test_a_drivers_shot_without_a_face_neither_moves_the_head_nor_counts_as_one():
    """A camera, ten frames of nobody, and another camera: nearer, elsewhere, and turned by 20 degrees."""
    poses, lost = pose(np.repeat([[0.0, 0, 0], [20, 0, 0]], [20, 10], 0)), np.repeat([False, True, False], 10)
    poses.scale[20:] *= 1.6
    poses.translation[20:] += [90, 40, 0]
    heads = [open_mouth(neutral_mesh(), 0.15 if 5 <= index < 10 else 0) for index in range(30)]  # open at the cut
    track = track_of(heads, poses)
    image, depth = track.image.copy(), track.depth.copy()
    image[lost] = depth[lost] = np.nan
    track = replace(track, image=image, depth=depth, present=~lost)
    mouths = Mouths(np.zeros((30, 1, 1, 3), np.uint8), np.zeros((30, 20, 2), np.float32), np.zeros((30, 3), np.float32))
    motion = FaceMotion(track, 0, mouths, np.array([10, 20]))
    driven = drive(motion.points, 0, motion.points[0], FaceTransferConfig(), shots=motion.shots)
    for moved in (driven.pose.translation, driven.pose.scale, angles(driven.pose.rotation)):
        np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-3)
    np.testing.assert_allclose(motion.points[lost], motion.points[[0] * 10], atol=1e-3)  # at rest, where the head was
    assert len(np.unique(motion.shots)) == 2
    late = FaceMotion(track[10:], 10, mouths[np.arange(20)], np.array([10]))
    np.testing.assert_allclose(late.points[:10], late.points[[10] * 10], atol=1e-3)
    assert len(np.unique(late.shots)) == 1


def test_mouths_are_cut_level_and_alike():
    track = track_of([open_mouth(neutral_mesh(), 0.1)] * 2, pose([[0, 0, 0], [0, 0, 30]]))
    rings = [cut(np.zeros((240, 320, 3), np.uint8), image)[1] for image in track.image]
    np.testing.assert_allclose(rings[0], rings[1], atol=0.05)
    left, right = rings[0][10], rings[0][0]
    assert left[1] == pytest.approx(right[1], abs=1e-3)
    assert left[0] - right[0] == pytest.approx(0.7 * SIZE[1], abs=1e-3)


def test_borrowed_colours_come_to_the_targets_light():
    gain = colour_gain(np.array([60.0, 50.0, 40.0]), np.array([180.0, 150.0, 120.0]))
    np.testing.assert_allclose(gain, 1 / 3, atol=0.02)
