from __future__ import annotations

import json

import numpy as np
import pytest

from tests.pose.skeletons import dance, figure
from vidgan.errors import ConfigError
from vidgan.pose.backend import BackendConfig, open_backend
from vidgan.pose.openpose import BODY_25, from_body25
from vidgan.pose.track import JOINT

FRAME = np.zeros((480, 640, 3), np.uint8)


def people_of(path, frames, rgb=FRAME):
    with open_backend(BackendConfig(backend="precomputed", precomputed=path)) as backend:
        return [backend.detect(rgb, index, index / 25) for index in range(frames)]


def test_a_saved_track_comes_back(tmp_path):
    track = dance(count=5)
    track.save(tmp_path / "track.npz")
    found = people_of(tmp_path / "track.npz", 5)
    np.testing.assert_array_equal([people[0].image for people in found], track.image)
    np.testing.assert_array_equal([people[0].world for people in found], track.world)


def test_frames_beyond_the_file_have_nobody(tmp_path):
    dance(count=3).save(tmp_path / "track.npz")
    assert [len(people) for people in people_of(tmp_path / "track.npz", 5)] == [1, 1, 1, 0, 0]


def test_pixels_follow_the_size_that_the_frames_are_read_at(tmp_path):
    track = dance(count=1)
    track.save(tmp_path / "track.npz")
    small = people_of(tmp_path / "track.npz", 1, FRAME[::2, ::2])
    np.testing.assert_allclose(small[0][0].image, track.image[0] / 2)


@pytest.mark.parametrize("columns", [2, 3, 4])
def test_json_lists(tmp_path, columns):
    image = figure()
    values = np.concatenate([image, np.full((33, 1), 40.0), np.full((33, 1), 0.7)], axis=1)[:, :columns]
    (tmp_path / "poses.json").write_text(json.dumps([values.tolist(), None]))
    first, second = people_of(tmp_path / "poses.json", 2)
    np.testing.assert_allclose(first[0].image, image, rtol=1e-5)
    assert first[0].visibility[0] == pytest.approx(0.7 if columns == 4 else 1.0)
    assert first[0].world[0, 2] == pytest.approx(0.0 if columns == 2 else 40 * 1.7 / 400, abs=1e-4)
    assert second == []


def test_json_with_world_and_size(tmp_path):
    world = np.random.default_rng(0).normal(size=(1, 33, 3))
    data = {"frames": [figure().tolist()], "world": world.tolist(), "width": 1280, "height": 960}
    (tmp_path / "poses.json").write_text(json.dumps(data))
    (found,) = people_of(tmp_path / "poses.json", 1)[0]
    np.testing.assert_allclose(found.image, figure() / 2, rtol=1e-5)
    np.testing.assert_allclose(found.world, world[0], rtol=1e-5)


def openpose_person(image, missing=(), hands=False):
    body = np.zeros((25, 3))
    for name, index in BODY_25.items():
        if index not in missing:
            body[index] = [*image[JOINT[name]], 0.9]
    person = {"pose_keypoints_2d": body.ravel().tolist()}
    if hands:
        person["hand_left_keypoints_2d"] = np.tile([5.0, 6.0, 0.8], (21, 1)).ravel().tolist()
    return person


def test_body_25():
    image = figure()
    ((points, world, seen),) = from_body25({"people": [openpose_person(image)]})
    same = [JOINT[name] for name in BODY_25]
    same = [i for i in same if "eye_" not in list(JOINT)[i]]
    np.testing.assert_allclose(points[same], image[same], rtol=1e-5)
    assert np.linalg.norm(points - image, axis=1).max() < 20  # mouth, hands and eye corners are guessed
    assert seen[JOINT["left_index"]] < seen[JOINT["left_wrist"]]
    assert world.shape == (33, 3)


def test_points_that_openpose_did_not_find_are_missing():
    ((points, _, seen),) = from_body25({"people": [openpose_person(figure(), missing=[11, 14])]})
    lost = [JOINT["left_ankle"], JOINT["right_ankle"]]
    assert np.isnan(points[lost]).all()
    assert (seen[lost] == 0).all()


def test_hands_are_used_when_they_are_there():
    ((points, _, _),) = from_body25({"people": [openpose_person(figure(), hands=True)]})
    np.testing.assert_array_equal(points[JOINT["left_index"]], [5, 6])
    assert points[JOINT["right_index"]][0] > 100


def test_openpose_folder_file_and_list(tmp_path):
    folder = tmp_path / "keypoints"
    folder.mkdir()
    frames = [
        {"people": [openpose_person(figure(place=(200 + 10 * i, 450))), openpose_person(figure(place=(500, 450)))]}
        for i in range(3)
    ]
    for index, frame in enumerate(frames):
        (folder / f"clip_{index:012d}_keypoints.json").write_text(json.dumps(frame))
    (tmp_path / "one.json").write_text(json.dumps(frames[0]))
    (tmp_path / "all.json").write_text(json.dumps(frames))
    found = people_of(folder, 3)
    assert [len(people) for people in found] == [2, 2, 2]
    assert found[2][0].image[JOINT["nose"], 0] - found[0][0].image[JOINT["nose"], 0] == pytest.approx(20, abs=1e-3)
    assert len(people_of(tmp_path / "one.json", 1)[0]) == 2
    assert len(people_of(tmp_path / "all.json", 3)[2]) == 2


@pytest.mark.parametrize("text", ["", "[[1, 2]]", "[[[1, 2, 3]]]", '{"a": 1}', "3", '[{"people": [{}]}]', "\x00"])
def test_other_files_are_refused_in_one_line(tmp_path, text):
    (tmp_path / "poses.json").write_text(text)
    with pytest.raises(ConfigError, match=r"poses.json: not landmarks") as caught:
        open_backend(BackendConfig(backend="precomputed", precomputed=tmp_path / "poses.json"))
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wild", ["1e38", "-1e300", "Infinity"])
@pytest.mark.parametrize("form", ["landmarks", "world", "openpose", "hand"])
def test_coordinates_beyond_any_picture_are_refused(tmp_path, form, wild):
    person = openpose_person(figure(), hands=True)
    person["hand_left_keypoints_2d" if form == "hand" else "pose_keypoints_2d"][3] = 12345.0
    frame, world = figure().tolist(), np.zeros((33, 3)).tolist()
    (world if form == "world" else frame)[5][0] = 12345.0
    data = {"frames": [frame], "world": [world]} if form in ("landmarks", "world") else {"people": [person]}
    (tmp_path / "poses.json").write_text(json.dumps(data).replace("12345.0", wild))
    with pytest.raises(ConfigError, match="not landmarks.*a coordinate is"):
        open_backend(BackendConfig(backend="precomputed", precomputed=tmp_path / "poses.json"))


@pytest.mark.filterwarnings("error")
def test_a_saved_track_with_infinite_landmarks_is_refused(tmp_path):
    track = dance(count=2)
    track.image[1, 4, 0] = np.inf
    track.save(tmp_path / "track.npz")
    with pytest.raises(ConfigError, match="a coordinate is inf"):
        open_backend(BackendConfig(backend="precomputed", precomputed=tmp_path / "track.npz"))


@pytest.mark.filterwarnings("error")
def test_somebody_without_a_point_is_nobody(tmp_path):
    people = [{"pose_keypoints_2d": [0.0] * 75}, openpose_person(figure())]
    (tmp_path / "poses.json").write_text(json.dumps({"people": people}))
    assert [len(found) for found in people_of(tmp_path / "poses.json", 1)] == [1]


@pytest.mark.filterwarnings("error")
def test_somebody_with_half_coordinates_alone_is_nobody(tmp_path):
    half = figure().copy()
    half[:, 1] = np.nan
    written = {"frames": [json.loads(json.dumps(half.tolist()).replace("NaN", "null"))], "width": 640, "height": 480}
    (tmp_path / "poses.json").write_text(json.dumps(written))
    assert people_of(tmp_path / "poses.json", 1) == [[]]


def test_an_npz_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ConfigError, match="not a track"):
        open_backend(BackendConfig(backend="precomputed", precomputed=tmp_path / "other.npz"))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no OpenPose"):
        open_backend(BackendConfig(backend="precomputed", precomputed=tmp_path))
