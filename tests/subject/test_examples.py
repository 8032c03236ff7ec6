from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.subject.sticks import stick_subject
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, jitter, runs_of, split
from vidgan.subject.references import ReferenceConfig
from vidgan.train.randomness import generator

CONFIG = ExampleConfig(apart=3)
COUNT = 3


@pytest.fixture(scope="module")
def subject():
    return stick_subject(30)


@pytest.fixture(scope="module")
def parts(subject):
    return split(subject.frames, 0.2, 3)


@pytest.fixture
def examples(subject):
    return BodyFootage(subject, 0.2, ReferenceConfig(count=COUNT, facing_weight=0.05), CONFIG)


def drawn(examples, seed=0, augment=True, starts=(0, 7, 12), rollout=3):
    return examples.draw(np.array(starts), rollout, generator(seed), augment)


def test_the_same_generator_draws_the_same(examples):
    torch.manual_seed(1)
    first = drawn(examples)
    torch.manual_seed(2)
    second, other = drawn(examples), drawn(examples, seed=1)
    for name, value in vars(first).items():
        assert torch.equal(value, getattr(second, name)), name
    assert not torch.equal(first.picture, other.picture)


def test_shapes_and_ranges(examples):
    batch = drawn(examples)
    b, r, size = 3, 3, 32
    assert batch.picture.shape == batch.plate.shape == (b, r, 3, size, size)
    assert batch.matte.shape == (b, r, 1, size, size)
    assert batch.references.shape == (b, r, COUNT, 4, size, size)
    assert batch.points.shape == (b, r, 33, 2)
    assert batch.reference_points.shape == (b, r, COUNT, 33, 2)
    assert batch.heights.shape == (b, r)
    assert batch.reference_heights.shape == (b, r, COUNT)
    for value, low, high in ((batch.picture, -1, 1), (batch.matte, 0, 1), (batch.references[:, :, :, 3], 0, 1)):
        assert value.min() >= low
        assert value.max() <= high
    assert batch.pose().driving.shape == (b * r, 33, 2)


def test_unchanged_examples_are_the_footage(subject, examples):
    batch = drawn(examples, augment=False)
    truth = torch.from_numpy(np.asarray(subject.crops[7:10])).movedim(-1, 1).float()
    torch.testing.assert_close(batch.picture[1], truth[:, :3] / 127.5 - 1)
    torch.testing.assert_close(batch.matte[1], truth[:, 3:] / 255)
    torch.testing.assert_close(batch.points[1], torch.from_numpy(subject.motion.points[7:10]))


def test_how_heads_are_turned_is_the_footages_own_however_poses_are_shaken(subject, examples):
    pose = drawn(examples).pose()
    known = torch.from_numpy(subject.motion.faces)
    for face in torch.cat([pose.face, pose.reference_face.flatten(0, 1)]):
        assert (known - face).abs().amax(1).min() == 0


def which(subject, picture):
    """The frame whose small reference this picture (4, S, S) is."""
    stored = torch.from_numpy(subject.small_references).movedim(-1, 1).float() / 127.5 - 1
    return int((stored[:, :3] - picture[:3]).abs().mean((1, 2, 3)).argmin())


def test_references_are_training_frames_some_way_off(subject, parts, examples):
    for seed in range(6):
        batch = drawn(examples, seed)
        for sequence, start in enumerate((0, 7, 12)):
            for frame in range(3):
                for slot in range(COUNT):
                    index = which(subject, batch.references[sequence, frame, slot])
                    assert index in parts[0]
                    assert index != start
                    wanted = torch.from_numpy(subject.motion.points[index])
                    torch.testing.assert_close(batch.reference_points[sequence, frame, slot], wanted)


def test_sequences_say_where_the_subject_and_its_references_face(subject):
    facing = np.linspace(-1, 1, 30, dtype=np.float32)
    turned = replace(subject, motion=replace(subject.motion, facing=facing))
    batch = drawn(BodyFootage(turned, 0.2, ReferenceConfig(count=COUNT), CONFIG))
    pose = batch.pose()
    np.testing.assert_array_equal(pose.facing.view(3, 3), [facing[start : start + 3] for start in (0, 7, 12)])
    seen = {which(turned, picture) for picture in batch.references.flatten(0, 2)}
    assert set(pose.reference_facing.flatten().tolist()) == set(facing[sorted(seen)].tolist())


def test_references_mostly_stay_and_at_times_change_within_a_sequence(subject, examples):
    steady = changed = 0
    for seed in range(20):
        points = drawn(examples, seed).reference_points
        moved = (points[:, 1:] != points[:, :-1]).flatten(3).any(-1)
        assert moved.sum((1, 2)).max() <= 1
        steady, changed = steady + int((~moved).all((1, 2)).sum()), changed + int(moved.any(2).any(1).sum())
    assert steady > changed > 0


def test_the_jitter_moves_points_and_pixels_alike(subject):
    """A landmark drawn into the crops as a dot is found where the jittered landmark says."""
    size, joint = subject.crops.shape[1], 25
    y, x = torch.meshgrid(torch.arange(size) + 0.5, torch.arange(size) + 0.5, indexing="ij")
    points = torch.from_numpy(subject.motion.points[[4, 9]])[:, None].clone()
    heights = torch.from_numpy(subject.motion.heights[[4, 9]])[:, None]
    place = points[:, 0, joint] * size
    dots = torch.exp(-((x - place[:, :1, None]) ** 2 + (y - place[:, 1:, None]) ** 2) / 8)
    crops = dots[:, None, None].expand(-1, 1, 4, -1, -1)
    moved, there, tall = jitter(crops, points, heights, CONFIG, generator(5))
    for index in range(2):
        dot = moved[index, 0, 0]
        found = torch.stack([(dot * x).sum(), (dot * y).sum()]) / dot.sum()
        assert (found - there[index, 0, joint] * size).abs().max() < 0.5
        assert (there[index, 0, joint] * size - place[index]).abs().max() > 0.1
    zoom = (tall / heights)[:, :, None]
    spread = (there[:, :, 25] - there[:, :, 0]) / (points[:, :, 25] - points[:, :, 0])
    torch.testing.assert_close(spread, zoom.expand_as(spread), atol=1e-3, rtol=1e-3)


def test_a_sequence_is_jittered_as_a_whole(examples):
    batch = drawn(examples, 3, rollout=3)
    still = drawn(examples, 3, augment=False, rollout=3)
    zoom = batch.heights / still.heights
    torch.testing.assert_close(zoom, zoom[:, :1].expand_as(zoom))


@given(st.sets(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 5), st.data())
def test_runs_are_of_consecutive_frames_among_the_allowed(frames, length, data):
    frames = np.array(sorted(frames))
    among = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(frames))), min_size=1))))
    starts = runs_of(frames, among, length)
    wanted = [
        start
        for start in among
        if all(start + k in among and frames[start + k] == frames[start] + k for k in range(length))
    ]
    assert starts.tolist() == wanted


@given(st.integers(2, 300), st.floats(0.05, 0.5), st.integers(0, 20))
def test_the_held_out_tail_is_never_trained_on(count, share, gap):
    train, held = split(np.arange(count), share, gap)
    assert len(train) >= 1
    assert len(held) == max(1, round(share * count))
    assert held[-1] == count - 1
    assert train.max() < held.min()


def test_the_tail_is_kept_apart_from_what_is_trained_on():
    train, held = split(np.arange(200), 0.2, 15)
    assert held.min() - train.max() > 15


@pytest.mark.parametrize("count", [12, 16, 24])
def test_a_short_clip_leaves_frames_to_train_on(count):
    train, _ = split(np.arange(count), 0.15, 15)
    assert len(runs_of(np.arange(count), train, 3)) > 0
