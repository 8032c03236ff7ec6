"""Takes as footage, and drafts mended by what was learnt of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.subject.takes import SIZE, filmed, write_takes
from vidgan.nets.repair import RepairGenerator
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.mend import Mender, face_region, face_windows, mended_frame, window_sides
from vidgan.subject.rig import FACE
from vidgan.subject.takes import TakeFootage
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.engine import launch
from vidgan.train.randomness import generator


@pytest.fixture(scope="module")
def takes(tmp_path_factory):
    return write_takes(tmp_path_factory.mktemp("takes"))


@pytest.fixture
def footage(takes):
    return TakeFootage(takes, ExampleConfig())


def side_for(scale):
    return int(window_sides(np.array([scale]), np.zeros(1, np.int64), np.ones(1, bool))[0])


def test_a_shots_windows_are_of_one_side_for_its_largest_face():
    scale, visits, shown = np.array([10.0, 20.0, 40.0, 90.0, 20.0]), np.array([0, 0, 1, 1, 2]), np.ones(5, bool)
    shown[3] = False  # on its way to the next shot's face
    assert window_sides(scale, visits, shown).tolist() == [50, 50, 100, 100, 50]


def mender(scale=0.0, own=0.0):
    """A generator that shows the draft, or with `own` only its own picture, which is grey."""
    torch.manual_seed(0)
    network = RepairGenerator(FACE.maps, 2, 8, 1)
    with torch.no_grad():
        network.net.head.weight.mul_(scale)
        network.net.head.bias.zero_()
        network.net.head.bias.view(-1, 4)[1] += own  # pixel shuffle: four values a channel
        network.net.head.bias.view(-1, 4)[-1] += 20.0
    return Mender(network.eval(), SIZE)


def test_no_sequence_runs_from_one_take_into_the_other(footage):
    for rollout in (1, 3, 5):
        starts = footage.starts(rollout)
        ends = starts + rollout - 1
        assert ((starts < 20) == (ends < 20)).all()
        assert footage.takes.train[starts].all()
        assert footage.takes.train[ends].all()
    assert not footage.follows(np.array([0, 20])).any()
    assert footage.follows(np.array([1, 19, 21])).all()


def test_what_is_held_out_is_one_way_and_never_trained_on(footage):
    assert footage.held.tolist() == [16, 17, 18, 19]
    assert set(footage.train) == {*range(16), *range(20, 36)}


def test_the_truth_is_the_film_inside_the_matte_and_the_draft_outside(footage):
    batch = footage.draw(np.array([2, 23]), 3, generator(0), augment=False)
    for sequence, first in enumerate((2, 3)):
        for t in range(3):
            inside = batch.matte[sequence, t, 0] == 1
            picture = torch.from_numpy(filmed(first + t)).movedim(-1, 0).float() / 127.5 - 1
            torch.testing.assert_close(batch.picture[sequence, t][:, inside], picture[:, inside])
            torch.testing.assert_close(batch.picture[sequence, t][:, ~inside], batch.plate[sequence, t][:, ~inside])
    assert (batch.plate[0] < batch.plate[1].max()).any()


def test_a_drawn_sequence_is_moved_and_lit_as_one(footage):
    batch = footage.draw(np.array([2, 23]), 3, generator(4))
    assert batch.picture.shape == (2, 3, 3, SIZE, SIZE)
    assert batch.warped().colour.shape == (6, 1, 3, SIZE, SIZE)
    assert batch.emphasis.shape == batch.matte.shape
    torch.testing.assert_close(batch.heights, batch.heights[:, :1].expand(-1, 3))
    assert not torch.equal(batch.heights[0], batch.heights[1])
    assert batch.picture.abs().max() <= 1


def test_what_a_sequence_goes_on_from_has_its_light(tmp_path):
    takes = write_takes(tmp_path)
    filmed_grey = np.array(takes.filmed)
    filmed_grey[..., :3] = 100
    takes = replace(takes, drafts=np.full(takes.drafts.shape, 100, np.uint8), filmed=filmed_grey)
    config = RepairConfig(width=8, depth=1, batch=4, perceptual_weight=0)
    task = RepairTask(TakeFootage(takes, config.examples), config, launch("cpu", "32-true"), 0)
    batch, before = task._draw(generator(0))
    shown = task._roll_out(batch, before, task._maps(batch))[-1]
    task._remember(batch, [replace(shown, colour=batch.picture[:, -1])])
    off = []
    for seed in range(5):
        batch, before = task._draw(generator(seed))
        apart = (before.picture[:, :3] - batch.picture[:, 0])[..., 16, 16].abs()
        off += apart[before.trust > 0].flatten().tolist()
    assert len(off) > 10
    assert max(off) < 0.01


def test_mouth_and_eyes_count_more(footage):
    batch = footage.draw(np.array([2]), 1, generator(4), augment=False)
    weight = batch.emphasis[0, 0, 0]
    assert weight.max() > 4
    assert weight[0, 0] == 0.5


def test_a_generator_that_trusts_the_draft_changes_nothing(footage):
    positions = footage.held
    drafts = [one.picture for one in footage.make(None, positions)]
    network = mender(own=-60.0).generator
    for made, draft in zip(footage.make(network, positions), drafts, strict=True):
        assert np.abs(made.picture.astype(int) - draft).max() <= 1


def test_outside_the_matte_the_draft_stays(footage):
    network = mender(own=60.0).generator
    drafts = list(footage.make(None, footage.held))
    for made, draft in zip(footage.make(network, footage.held), drafts, strict=True):
        outside = draft.matte == 0
        assert np.array_equal(made.picture[outside], draft.picture[outside])
        inside = made.picture[draft.matte == 255].astype(int)
        assert np.abs(inside - 127.5).max() < 2  # its own picture, grey


def test_a_frame_is_mended_within_its_window_alone():
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)
    points = np.zeros((478, 3))
    points[:, :2] = rng.uniform([8, 18], [32, 42], (478, 2))  # the window leaves the picture
    side = side_for(20.0)
    out, state = mended_frame(mender(own=60.0), frame, points, 20.0, side, None)
    left, top = np.round(face_windows(points[None], np.array([side]))[0, :2]).astype(int)
    changed = np.argwhere((out != frame).any(-1))
    assert len(changed) > 50
    assert (changed >= [max(0, top), max(0, left)]).all()
    assert (changed < [top + side, left + side]).all()
    assert state.picture.shape == (1, 4, SIZE, SIZE)


def test_a_face_beyond_the_picture_mends_nothing():
    frame = np.full((40, 60, 3), 90, np.uint8)
    points = np.zeros((478, 3))
    points[:, :2] = np.random.default_rng(0).uniform([80, 70], [100, 90], (478, 2))
    out, _ = mended_frame(mender(own=60.0), frame, points, 12.0, side_for(12.0), None)
    assert np.array_equal(out, frame)


def test_a_window_smaller_than_the_network_is_shown_to_it_without_steps():
    seen, by = [], mender()
    by.generator.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    slope = np.tile(np.linspace(0, 240, SIZE // 2).astype(np.uint8)[:, None], (SIZE // 2, 1, 3))
    by.mend(
        slope, np.full(slope.shape[:2], 255, np.uint8), np.random.default_rng(0).uniform(0.2, 0.8, (478, 2)), 0.8, None
    )
    assert seen[0].shape[-1] == SIZE
    assert (seen[0][0, 0, 8, 2:-2].diff() > 0).all()


def test_mending_goes_on_from_the_frame_before():
    points = np.random.default_rng(0).uniform(0.2, 0.8, (478, 2))
    matte = face_region(points, SIZE)
    one, other = filmed(0), filmed(9)
    seeing = mender(scale=300.0)
    _, state = seeing.mend(one, matte, points, 0.8, None)
    alone, _ = seeing.mend(other, matte, points, 0.8, None)
    after, _ = seeing.mend(other, matte, points, 0.8, state)
    again, _ = seeing.mend(other, matte, points, 0.8, state)
    assert np.array_equal(after, again)
    assert not np.array_equal(after, alone)
