from __future__ import annotations

import numpy as np
import pytest

from tests.clips.made import prepared
from vidgan.clips.moving_mnist import bounced, moving_mnist, moving_mnist_set, read_digits, write_moving_mnist
from vidgan.errors import MediaError

DIGITS = np.zeros((3, 6, 6), np.uint8)
DIGITS[:, 1:5, 1:5] = np.array([80, 160, 240])[:, None, None]


def test_a_bounce_is_that_of_a_ball_between_walls():
    rng = np.random.default_rng(0)
    room = np.array([36.0, 20.0])
    start, step = rng.uniform(0, 1, 2) * room, np.array([3.7, -4.9])
    wanted, place, speed = [], start.copy(), step.copy()
    for _ in range(60):
        wanted.append(place.copy())
        place += speed
        for axis in range(2):  # reflect by steps, as the walls do
            if place[axis] < 0:
                place[axis], speed[axis] = -place[axis], -speed[axis]
            elif place[axis] > room[axis]:
                place[axis], speed[axis] = 2 * room[axis] - place[axis], -speed[axis]
    np.testing.assert_allclose(bounced(start + step * np.arange(60)[:, None], room), wanted, atol=1e-9)


def centre(frame):
    rows, columns = np.nonzero(frame)
    return np.array([rows.mean(), columns.mean()])


def test_a_digit_moves_at_its_speed():
    for clip in moving_mnist(DIGITS, 20, frames=12, size=32, each=1):
        assert (np.count_nonzero(clip, axis=(1, 2)) == 16).all()  # never leaves the square
        steps = np.diff([centre(frame) for frame in clip], axis=0)
        paces = np.linalg.norm(steps, axis=1)
        assert paces.max() <= 5 + 1.5  # rounded to whole pixels
        assert np.median(paces) >= 1 - 1.5
        assert paces.sum() > 5


def test_a_clip_depends_on_its_number_and_the_seed_alone():
    first = list(moving_mnist(DIGITS, 3, frames=5, size=32))
    more = list(moving_mnist(DIGITS, 6, frames=5, size=32))
    other = list(moving_mnist(DIGITS, 3, frames=5, size=32, seed=1))
    np.testing.assert_array_equal(first, more[:3])
    assert not np.array_equal(first, other)


def test_as_a_folder_and_as_a_set(tmp_path):
    write_moving_mnist(DIGITS, tmp_path / "clips", 4, frames=8, size=32)
    clips = prepared(tmp_path / "clips", tmp_path / "out", size=32)
    made = moving_mnist_set(DIGITS, 4, held=1, frames=8, size=32)
    np.testing.assert_array_equal(clips.frames, made.frames)
    assert [clip.held for clip in made.clips] == [False, False, False, True]


def test_digits_that_do_not_fit():
    with pytest.raises(ValueError, match="6x6 do not move in a square of 6"):
        list(moving_mnist(DIGITS, 1, size=6))


def test_reading_digits(tmp_path):
    np.savez(tmp_path / "d.npz", images=DIGITS)
    np.testing.assert_array_equal(read_digits(tmp_path / "d.npz"), DIGITS)
    np.savez(tmp_path / "pickled.npz", images=np.array([{}], object))
    np.savez(tmp_path / "other.npz", pictures=DIGITS)
    np.savez(tmp_path / "flat.npz", images=DIGITS[0])
    (tmp_path / "text.npz").write_text("hello")
    for name in ("none", "pickled", "other", "flat", "text"):
        with pytest.raises(MediaError):
            read_digits(tmp_path / f"{name}.npz")
