from __future__ import annotations

import cv2
import numpy as np
import pytest

from vidgan.subject.eyes import eyeball

SKIN, WHITE, BROWN = (190, 150, 120), (225, 220, 210), (70, 45, 30)
MIDDLE, RADIUS = np.array([110.0, 56.0]), 16.0


def ring(upper=13.0, lower=14.0):
    """The lids of an eye 80 pixels wide, as landmarks go: lower lid, then upper one back."""
    angle = np.arange(16) / 16 * 2 * np.pi
    height = np.where(angle < np.pi, lower, upper)
    return np.array([100, 60]) + np.stack([-40 * np.cos(angle), height * np.sin(angle)], 1)


def around():
    """The lids' skin goes this far."""
    return np.array([100, 60]) + [1.2, 2.2] * (ring() - [100, 60])


def drawn(iris=BROWN):
    """An eye whose upper lid hides the top of its iris, with lashes along the lids."""
    picture = np.full((120, 200, 3), WHITE, np.uint8)
    cv2.circle(picture, (109, 55), int(RADIUS), iris, -1, cv2.LINE_AA)
    lids = np.zeros((120, 200), np.uint8)
    cv2.fillPoly(lids, [np.round(ring()).astype(np.int32)], 255)
    picture[lids == 0] = SKIN
    cv2.polylines(picture, [np.round(ring()).astype(np.int32)], True, (30, 20, 15), 3)
    return picture


def landmarks(centre=MIDDLE, radius=RADIUS):
    return centre + radius * np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]])


def seen(ball, places, shift=(0.0, 0.0)):
    return ball.look(np.array(places, np.float64)[None], np.array(shift))[0]


def test_white_and_iris_go_on_under_the_lids():
    ball = eyeball(drawn(), ring(), around(), landmarks())
    white, iris = seen(ball, [[85, 42], MIDDLE - [0, 0.85 * RADIUS]])
    np.testing.assert_allclose(white, WHITE, atol=12)
    np.testing.assert_allclose(iris, BROWN, atol=12)


def test_the_iris_moves_and_leaves_the_white_behind():
    ball = eyeball(drawn(), ring(), around(), landmarks())
    there, here = MIDDLE - [30, 0], MIDDLE
    before, after = seen(ball, [there, here]), seen(ball, [there, here], (-30, 0))
    np.testing.assert_allclose(before, [WHITE, BROWN], atol=12)
    np.testing.assert_allclose(after, [BROWN, WHITE], atol=12)


def test_an_iris_beside_its_landmarks_is_found():
    ball = eyeball(drawn(), ring(), around(), landmarks(MIDDLE + np.array([7, 2])))
    assert np.linalg.norm(ball.centre - MIDDLE) < 4.5


def test_shut_lids_are_skin_without_lashes():
    ball = eyeball(drawn(), ring(), around(), landmarks())
    np.testing.assert_allclose(ball.lids(np.array([[[85.0, 60], [100, 48], [115, 70]]]))[0], [SKIN] * 3, atol=12)


@pytest.mark.parametrize("picture", [drawn(iris=WHITE), np.full((120, 200, 3), SKIN, np.uint8)], ids=["carved", "shut"])
def test_eyes_without_an_iris_have_no_ball(picture):
    assert eyeball(picture, ring(), around(), landmarks()) is None


@pytest.mark.parametrize("off", [(-190, 0), (300, 0), (0, -200), (0, 200)], ids=["left", "right", "above", "below"])
def test_eyes_outside_the_picture_have_no_ball(off):
    """The mesh goes on beyond the picture where a face is cut by its edge."""
    assert eyeball(drawn(), ring() + off, around() + off, landmarks() + off) is None
