from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.pose.skeletons import figure, folded
from tests.subject.sticks import stick_subject
from vidgan.pose.track import JOINT
from vidgan.subject.heads import faces
from vidgan.subject.references import (
    Compared,
    ReferenceConfig,
    choose,
    descriptor,
    doubts,
    hidden,
    pace,
    pose_distances,
    steadiest_path,
)


def cost_of(path, costs, switch_cost):
    return sum(costs[t, i] for t, i in enumerate(path)) + switch_cost * np.count_nonzero(np.diff(path))


@settings(max_examples=60, deadline=None)
@given(
    costs=arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=4), elements=st.floats(0, 10)),
    switch_cost=st.floats(0, 10),
)
def test_the_steadiest_path_is_the_cheapest_of_all(costs, switch_cost):
    frames, targets = costs.shape
    cheapest = min(cost_of(path, costs, switch_cost) for path in product(range(targets), repeat=frames))
    assert cost_of(steadiest_path(costs, switch_cost), costs, switch_cost) == pytest.approx(cheapest)


def test_nothing_changes_when_changing_is_dear():
    costs = np.random.default_rng(0).random((40, 12))
    path = steadiest_path(costs, 1e3)
    assert len(set(path)) == 1
    assert path[0] == costs.sum(0).argmin()


def test_everything_changes_when_changing_is_free():
    costs = np.random.default_rng(0).random((40, 12))
    np.testing.assert_array_equal(steadiest_path(costs, 0.0), costs.argmin(1))


def poses(count=30):
    angles = np.linspace(0.1, 2.4, count)
    points = np.stack([figure(0.7, (0.5, 0.9), arms=(a, 2.5 - a)) for a in angles]).astype(np.float32)
    return points, np.full(count, 0.7, np.float32), np.linspace(-1, 1, count, dtype=np.float32)


def test_neither_place_nor_size_counts():
    points, heights, facing = poses()
    wanted = descriptor(points, heights, facing, 0.1)
    moved = descriptor(points * 3 + np.float32([7, -2]), heights * 3, facing, 0.1)
    np.testing.assert_allclose(moved, wanted, atol=1e-5)


def test_facing_counts_on_the_circle_and_by_its_weight():
    points, heights, facing = poses(1)
    here, around, back = (descriptor(points, heights, facing + turn, 0.25) for turn in (0, 2 * np.pi, np.pi))
    np.testing.assert_allclose(around, here, atol=1e-5)
    assert pose_distances(here, back)[0, 0] == pytest.approx(0.25 * 2**2, rel=1e-4)


def test_moving_a_joint_counts_and_a_larger_move_counts_more():
    points, heights, facing = poses(1)
    near, far = points.copy(), points.copy()
    near[0, 15] += 0.05
    far[0, 15] += 0.1
    here = descriptor(points, heights, facing, 0.1)
    distances = [pose_distances(here, descriptor(one, heights, facing, 0.1))[0, 0] for one in (near, far)]
    assert 0 < distances[0] < distances[1]
    assert distances[1] == pytest.approx(4 * distances[0], rel=1e-2)


def test_distances_are_squared_euclidean():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(5, 7)).astype(np.float32), rng.normal(size=(4, 7)).astype(np.float32)
    np.testing.assert_allclose(pose_distances(a, b), ((a[:, None] - b[None]) ** 2).sum(-1), rtol=1e-4)
    assert pose_distances(a, a).min() >= 0


def compared(points, heights, facing):
    face = faces(torch.from_numpy(points), torch.from_numpy(heights)).numpy()
    return Compared(descriptor(points, heights, facing, 0.05), face, hidden(points, heights))


def described(count):
    return compared(*poses(count))


def test_a_motion_through_the_footage_is_followed_frame_by_frame():
    target = described(20)
    config = ReferenceConfig(count=1, switch_cost=0.0)
    choice = choose(target, target, np.zeros(20, np.float32), config)
    np.testing.assert_array_equal(choice.index[:, 0], np.arange(20))


@pytest.mark.parametrize(("stride", "counts"), [(0.0, 0.05), (0.005, 0.5), (0.01, 1), (0.03, 1)])
def test_a_pose_counts_by_how_far_it_goes(stride, counts):
    way = np.zeros((40, 3), np.float32)
    way[:, 1] = stride * np.arange(40)
    np.testing.assert_allclose(pace(way), counts, rtol=1e-4)
    assert pace(way[:1]) == pytest.approx(0.05)


def test_the_same_way_changes_references_as_often_at_any_speed():
    target, config = described(20), ReferenceConfig(count=1)
    changes = []
    for frames in (300, 600, 1200):
        driving = described(frames)
        assert pace(driving.descriptors).max() < 1
        chosen = choose(driving, target, np.zeros(20, np.float32), config).index[:, 0]
        changes.append(np.count_nonzero(np.diff(chosen)))
    assert changes[0] == changes[1] == changes[2] > 1


def test_slots_show_different_moments():
    target = described(60)
    config = ReferenceConfig(count=3, apart=8)
    driving = Compared(*(values[::2] for values in vars(target).values()))
    choice = choose(driving, target, np.zeros(60, np.float32), config)
    assert choice.index.shape == (30, 3)
    np.testing.assert_allclose(choice.far, 0, atol=1e-6)  # all of them are known
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(choice.index[:, a] - choice.index[:, b]).min() >= 8


def twice(poses):
    """The first of the poses, two times."""
    return Compared(*(np.repeat(value[:1], 2, axis=0) for value in vars(poses).values()))


def test_of_two_equal_frames_the_one_without_handicap_is_taken():
    target = twice(described(2))
    for better in (0, 1):
        handicap = np.float32([0.1, 0.1])
        handicap[better] = 0
        chosen = choose(target, target, handicap, ReferenceConfig(count=1))
        assert set(chosen.index[:, 0]) == {better}


def test_of_two_poses_the_one_whose_head_is_turned_as_asked_is_taken():
    points, heights, facing = (np.repeat(values[:1], 2, axis=0) for values in poses(2))
    aside = points.copy()
    aside[0, JOINT["nose"], 0] += 0.02
    target, handicap = compared(aside, heights, facing), np.float32([0, 1e-4])

    def taken(head_weight):
        driving = compared(points, heights, facing)
        return choose(driving, target, handicap, ReferenceConfig(count=1, head_weight=head_weight)).index[:, 0]

    assert set(taken(0.0)) == {0}  # the other counts as farther
    assert set(taken(0.01)) == {1}


def test_what_lies_behind_a_hand_is_hidden_and_nothing_else():
    points, heights, _ = poses(3)
    assert not hidden(points, heights).any()  # arms beside the body
    chest = points[:, [JOINT["left_shoulder"], JOINT["right_shoulder"]]].mean(1) + np.float32([0, 0.1]) * 0.7
    assert 0.02 < hidden(folded(points, chest), heights).mean() < 0.3
    nose = points[:, JOINT["nose"]]
    thigh = points[:, [JOINT["left_hip"], JOINT["left_knee"]]].mean(1)
    for place in (nose, thigh):
        assert hidden(folded(points, place), heights).any(1).all()
    np.testing.assert_array_equal(
        hidden(folded(points, chest) * 3 + 1, heights * 3), hidden(folded(points, chest), heights)
    )


def test_what_one_slot_hides_another_shows():
    points = np.stack([figure(0.7, (0.5, 0.9), knees=(apart, apart)) for apart in np.linspace(0, 0.4, 60)])
    points, heights, facing = points.astype(np.float32), np.full(60, 0.7, np.float32), np.zeros(60, np.float32)
    chest = points[:, [JOINT["left_shoulder"], JOINT["right_shoulder"]]].mean(1) + np.float32([0, 0.1]) * 0.7
    target = np.where(np.arange(60)[:, None, None] < 50, folded(points, chest), points)
    given, handicap = compared(target, heights, facing), np.zeros(60, np.float32)
    handicap[50:] = 0.05

    def chosen(driving, **config):
        driving = compared(driving, heights[:1], facing[:1])
        return choose(driving, given, handicap, ReferenceConfig(count=3, apart=2, **config)).index[0]

    shown = chosen(points[:1])
    assert (chosen(points[:1], hidden_weight=0) < 50).all()
    assert sum(shown >= 50) == 1  # one is enough
    assert (chosen(target[:1]) < 50).all()  # who hides the same needs none
    handicap[50:] = 0.3
    assert (chosen(points[:1]) < 50).all()  # what is hidden counts by the pace as well


@pytest.fixture
def limbs():
    """Mattes of thick limbs, with their landmarks."""
    subject = stick_subject(4)
    return subject.crops[..., 3].copy(), subject.motion.points, subject.motion.visibility.copy()


def test_a_gap_in_a_limb_is_doubted(limbs):
    mattes, points, visibility = limbs
    whole = doubts(mattes, points, visibility)
    assert whole.max() < 0.05
    size = mattes.shape[1]
    x, y = ((points[2, JOINT["left_elbow"]] + points[2, JOINT["left_wrist"]]) / 2 * size).astype(int)
    mattes[2, y - 2 : y + 3, x - 2 : x + 3] = 0
    found = doubts(mattes, points, visibility)
    assert found[2] > whole[2]
    np.testing.assert_array_equal(found[[0, 1, 3]], whole[[0, 1, 3]])


def test_what_is_not_seen_is_not_doubted(limbs):
    mattes, points, visibility = limbs
    mattes[1] = 0
    assert doubts(mattes, points, visibility)[1] == 1
    visibility[1] = 0.2
    assert doubts(mattes, points, visibility)[1] == 0


@pytest.mark.parametrize("frames", [1, 2])
def test_fewer_frames_than_slots_are_used_again(frames):
    choice = choose(described(5), described(frames), np.zeros(frames, np.float32), ReferenceConfig(count=3))
    assert choice.index.shape == (5, 3)
    assert choice.index.max() < frames
