from __future__ import annotations

import numpy as np
import pytest

from tests.pose.skeletons import dance, figure, track_of
from vidgan.pose.body import BONES, PARTS, facing, frame_heights, person_height, world_from_image
from vidgan.pose.track import JOINT


def test_parts_and_bones_name_landmarks():
    for part in PARTS:
        assert set(part.start + part.end) <= set(JOINT)
        assert 0 < part.radius < 0.15
    assert {name for bone in BONES for name in bone} <= {*JOINT, "pelvis", "neck"}


@pytest.mark.parametrize("height", [50.0, 400.0])
def test_height_is_the_standing_height_whatever_the_legs_do(height):
    heights = frame_heights(np.stack([figure(height), figure(height, knees=(0.8, 0.0)), figure(height, lift=30)]))
    np.testing.assert_allclose(heights, height, rtol=1e-5)


def test_person_height_ignores_frames_without_a_person():
    track = dance(height=300)
    image = track.image.copy()
    image[5:20] = np.nan
    assert person_height(track_of(image)) == pytest.approx(300, rel=1e-3)


@pytest.mark.parametrize(
    ("angle", "name"), [(0, "camera"), (np.pi / 2, "right"), (np.pi, "away"), (-np.pi / 2, "left")]
)
def test_facing(angle, name):
    world = np.zeros((1, 33, 3))
    for joint in ("shoulder", "hip"):
        world[0, JOINT[f"left_{joint}"]] = [0.2 * np.cos(angle), 0, 0.2 * np.sin(angle)]
        world[0, JOINT[f"right_{joint}"]] = [-0.2 * np.cos(angle), 0, -0.2 * np.sin(angle)]
    assert np.cos(facing(world)[0] - angle) == pytest.approx(1), name


def test_world_from_image_is_a_person_of_ordinary_height():
    world = world_from_image(figure(250.0))
    assert frame_heights(world[None, :, :2])[0] == pytest.approx(1.7, rel=1e-5)
    np.testing.assert_allclose(world[[JOINT["left_hip"], JOINT["right_hip"]]].mean(axis=0), 0, atol=1e-6)


@pytest.mark.filterwarnings("error")
def test_nobody_has_no_world():
    nobody, half = np.full((33, 2), np.nan), figure(250.0)
    half[:, 1] = np.nan  # a point with one coordinate is none
    assert np.isnan(world_from_image(nobody)).all()
    assert np.isnan(world_from_image(half)).all()
