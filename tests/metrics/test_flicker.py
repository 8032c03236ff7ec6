from __future__ import annotations

import math

import numpy as np
import pytest

from vidgan.metrics.flicker import Flicker, Unsteadiness


def flat(*levels):
    return [np.full((4, 6, 3), level, np.uint8) for level in levels]


def test_constant_offset_is_no_flicker():
    meter = Flicker()
    for truth in flat(10, 50, 20):
        meter.update(truth + 30, truth)
    assert meter.value == 0


def test_change_the_truth_does_not_make_counts_in_grey_levels():
    meter = Flicker()
    steps = [meter.update(out, truth) for out, truth in zip(flat(10, 16, 10), flat(10, 12, 14), strict=True)]
    assert math.isnan(steps[0])
    assert steps[1:] == [4, 8]  # |6 - 2|, |-6 - 2|
    assert meter.value == 6


def test_only_the_mask_counts():
    left = np.zeros((4, 6), bool)
    left[:, :3] = True
    first, second = flat(10, 10)
    second = second.copy()
    second[:, 3:] = 60
    meter = Flicker()
    meter.update(first, first, left)
    assert meter.update(second, first, left) == 0
    meter = Flicker()
    meter.update(first, first, ~left)
    assert meter.update(second, first, ~left) == 50


def test_a_cut_is_no_flicker():
    meter = Flicker()
    for out, truth in zip(flat(10, 200), flat(10, 10), strict=True):
        meter.update(out, truth)
        meter.cut()
    assert meter.value is None


def run(frames, person):
    meter = Unsteadiness()
    for frame in frames:
        meter.update(frame, person)
    return meter


ALL = np.ones((4, 6), bool)


def test_constant_change_is_steady():
    assert run(flat(10, 20, 30, 40), ALL).inside == 0


def test_alternation_reads_two():
    assert run(flat(*[10, 30] * 50), ALL).inside == pytest.approx(2, rel=0.02)


def test_independent_noise_reads_the_square_root_of_three():
    random = np.random.default_rng(0)
    frames = [random.normal(128, 20, (64, 64, 3)).astype(np.float32) for _ in range(60)]
    assert run(frames, np.ones((64, 64), bool)).inside == pytest.approx(3**0.5, rel=0.03)


def test_background_change_is_told_from_the_person():
    person = np.zeros((4, 6), bool)
    person[:, :3] = True
    frames = [frame.copy() for frame in flat(10, 10, 10)]
    frames[1][:, 3:] = 14
    meter = run(frames, person)
    assert meter.outside == 4
    assert meter.inside is None


def test_too_few_frames_have_no_value():
    meter = run(flat(10), ALL)
    assert meter.inside is None
    assert meter.outside is None
