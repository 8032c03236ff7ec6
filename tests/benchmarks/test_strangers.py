"""Strangers: each is somebody of their own, the same every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.strangers import stranger
from vidgan.performers import wardrobe
from vidgan.performers.chart import Chart
from vidgan.performers.people import CAST


def _cheek(count: int = 400) -> Chart:
    rng = np.random.default_rng(1)
    x, z = (rng.uniform(low, high, count).astype(np.float32) for low, high in ((0.02, 0.06), (0.59, 0.62)))
    flat = np.zeros(count, np.float32)
    return Chart(x, flat - 0.1, z, flat + 0.5, flat, flat, flat)


def test_a_stranger_is_drawn_from_a_number_alone() -> None:
    first, again, other = stranger(4), stranger(4), stranger(5)
    assert (first.skin, first.hair, first.shape) == (again.skin, again.hair, again.shape)
    assert first.skin != other.skin
    assert first.shape != other.shape


def test_bodies_of_people_held_out_are_not_used() -> None:
    left = CAST[-2:]
    shapes = [stranger(number, [one.name for one in CAST[:-2]]).shape for number in range(20)]
    for key in set(left[0].shape) - {"gender"}:
        low, high = sorted(one.shape[key] for one in left)
        assert all(low - 1e-9 <= shape[key] <= high + 1e-9 for shape in shapes)
    assert {shape["gender"] for shape in shapes} == {0, 1}
    assert len({shape["height"] for shape in shapes}) > 5


def test_marks_are_of_one_person_and_cannot_be_guessed() -> None:
    spots, none = _cheek(), np.zeros(400, np.float32)
    marked, same, other = (wardrobe.paint_skin(spots, stranger(number), none, none) for number in (4, 4, 9))
    smooth = wardrobe.paint_skin(spots, replace(stranger(4), marks=None), none, none)
    assert np.array_equal(marked, same)
    assert (marked - smooth).std() > 0.02
    assert abs(np.corrcoef((marked - smooth).ravel(), (other - smooth).ravel())[0, 1]) < 0.9
