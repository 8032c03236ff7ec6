from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.subject.sticks import background
from vidgan.subject.camera import background_features, displacement, follow_camera, homography_between, project

WIDTH, HEIGHT = 240, 180
CORNERS = np.array([[20, 20], [220, 20], [220, 160], [20, 160], [120, 90]], float)
NOBODY = np.zeros((45, 60), np.uint8)
HALF = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1.0]])


@pytest.fixture(scope="module")
def scene():
    """A textured wall larger than any view of it."""
    return cv2.GaussianBlur(background(480, 400), (0, 0), 1.0)


def similarity(angle, scale, shift):
    """Turn and scale about the middle of the view, then shift: 3x3."""
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, middle - turn @ middle + np.asarray(shift)
    return matrix


def view(scene, matrix):
    """What a camera sees whose pixels lie at `matrix` on the plate, itself a cut-out of the scene at (120, 110)."""
    place = np.array([[1, 0, 120], [0, 1, 110], [0, 0, 1.0]]) @ matrix
    place = HALF @ place @ np.linalg.inv(HALF)
    return cv2.warpPerspective(scene, place, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def followed(scene, matrices, person=NOBODY):
    return follow_camera([background_features(view(scene, m), person) for m in matrices], WIDTH, HEIGHT)


def test_a_moving_camera_is_followed_within_a_pixel(scene):
    moves = [similarity(0.02 * t, 1 + 0.01 * t, (4 * t, -2 * t)) for t in (-2, -1, 0, 1, 2)]
    camera = followed(scene, moves)
    assert camera.registered
    assert camera.moving
    assert camera.lost == 0
    for found, true in zip(camera.homographies, moves, strict=True):
        assert np.abs(project(found, CORNERS) - project(true, CORNERS)).max() < 1


def test_what_moves_with_the_person_does_not_count(scene):
    moves = [similarity(0, 1, (6 * t, 0)) for t in (-1, 0, 1)]
    views = [view(scene, move) for move in moves]
    person = np.zeros((HEIGHT, WIDTH), np.uint8)
    person[20:160, 70:170] = 255
    for one in views:
        one[20:160, 70:170] = background(100, 140, seed=9)  # stays in place while the wall moves
    camera = follow_camera([background_features(one, person) for one in views], WIDTH, HEIGHT)
    assert camera.moving
    assert np.abs(project(camera.homographies[2], CORNERS) - CORNERS - [6, 0]).max() < 1


def test_a_still_camera_is_not_moving(scene):
    rng = np.random.default_rng(0)
    still = view(scene, np.eye(3))
    noisy = [np.clip(still + rng.normal(0, 3, still.shape), 0, 255).astype(np.uint8) for _ in range(5)]
    camera = follow_camera([background_features(one, NOBODY) for one in noisy], WIDTH, HEIGHT)
    assert camera.registered
    assert not camera.moving
    np.testing.assert_array_equal(camera.homographies, np.tile(np.eye(3), (5, 1, 1)))


def test_a_wall_without_features_cannot_be_followed():
    plain = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
    camera = follow_camera([background_features(plain, NOBODY)] * 4, WIDTH, HEIGHT)
    assert not camera.registered
    assert not camera.moving
    np.testing.assert_array_equal(camera.homographies, np.tile(np.eye(3), (4, 1, 1)))


def test_a_frame_that_is_lost_takes_its_neighbours_place(scene):
    moves = [similarity(0, 1, (5 * t, 0)) for t in (-2, -1, 0, 1, 2, 3)]
    features = [background_features(view(scene, m), NOBODY) for m in moves]
    features[1] = background_features(np.full((HEIGHT, WIDTH, 3), 90, np.uint8), NOBODY)
    camera = follow_camera(features, WIDTH, HEIGHT)
    assert camera.lost == 1
    offset = project(camera.homographies[1], CORNERS) - project(camera.homographies[3], CORNERS)
    reference = camera.homographies[0] / 2 + camera.homographies[2] / 2
    np.testing.assert_allclose(camera.homographies[1], reference, atol=1e-9)
    assert np.abs(offset - [-10, 0]).max() < 1.5


def test_two_different_walls_are_not_matched(scene):
    here = background_features(view(scene, np.eye(3)), NOBODY)
    there = background_features(background(WIDTH, HEIGHT, seed=77), NOBODY)
    assert homography_between(here, there) is None


def test_points_and_displacements_of_known_homographies():
    matrix = np.array([[2.0, 0, 3], [0, 2.0, -1], [0, 0, 1]])
    np.testing.assert_allclose(project(matrix, np.array([[1.0, 2.0]])), [[5, 3]])
    np.testing.assert_allclose(project(matrix * 7, np.array([[[1.0, 2.0]]])), [[[5, 3]]])
    tilted = np.array([[1.0, 0, 0], [0, 1.0, 0], [0.01, 0, 1]])
    np.testing.assert_allclose(project(tilted, np.array([[100.0, 50.0]])), [[50, 25]])
    shift = np.array([[1.0, 0, 30], [0, 1, 40], [0, 0, 1]])
    assert displacement(shift, 200, 100) == pytest.approx(0.5)
