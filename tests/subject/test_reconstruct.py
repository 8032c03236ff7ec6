from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.subject.sticks import stick_subject
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.nets.repair import PoseOnlyGenerator, RepairGenerator
from vidgan.pose.rasterise import MAPS
from vidgan.subject.draft import FIRMNESS
from vidgan.subject.reconstruct import Painter, heldout_scores, nearest_pose_frames
from vidgan.subject.references import Choice, ReferenceConfig, pose_distances

CONFIG = ReferenceConfig(count=2)
TRAIN, HELD = np.arange(20), np.arange(24, 30)


@pytest.fixture(scope="module")
def subject():
    return stick_subject(30)


@pytest.fixture(scope="module")
def generator():
    """One whose outputs depend strongly on all it sees."""
    torch.manual_seed(0)
    made = RepairGenerator(MAPS, CONFIG.count + 1, width=8, depth=1)
    torch.nn.init.normal_(made.net.head.weight, std=0.2)
    return made.eval()


@pytest.fixture(params=["draft", "trained"])
def painter(request, subject, generator):
    return Painter(subject, None if request.param == "draft" else generator, CONFIG)


def plates(subject, positions, size=32):
    if size == 32:
        return iter(subject.plate_crops[positions])
    return iter(np.zeros((len(positions), size, size, 3), np.uint8))


def test_references_come_from_the_allowed_frames(subject, painter):
    choice = painter.choose(subject.motion[HELD], TRAIN)
    assert set(choice.index.ravel()) <= set(TRAIN)
    among = np.array([3, 17, 18])
    assert set(painter.choose(subject.motion[HELD], among).index.ravel()) <= set(among)


def test_held_out_frames_are_painted_near_the_truth(subject):
    painter = Painter(subject, None, CONFIG)
    for picture, position in zip(painter.reconstruct(TRAIN, HELD), HELD, strict=True):
        assert picture.picture.shape == (32, 32, 3)
        truth, plate = (value.astype(float) for value in (subject.crops[position], subject.plate_crops[position]))
        person = truth[..., 3] > 200
        error = np.abs(picture.picture - truth[..., :3])[person].mean()
        assert error < 0.6 * np.abs(plate - truth[..., :3])[person].mean()
        assert picture.matte[person].mean() > 150
        assert picture.matte[truth[..., 3] == 0].mean() < 40


def test_a_frame_painted_from_itself_is_itself(subject):
    painter = Painter(subject, None, CONFIG)
    at = np.arange(5)
    choice = Choice(np.repeat(at[:, None], 2, 1), np.zeros(5, np.float32))
    for (picture, _), position in zip(
        painter.paint(subject.motion[at], choice, plates(subject, at), 32), at, strict=True
    ):
        person = subject.crops[position, ..., 3] > 200
        reference = subject.small_references[position, ..., :3].astype(float)
        assert np.abs(picture.picture - reference)[person].mean() < 12


@pytest.mark.parametrize("size", [32, 64, 96])
def test_pictures_have_the_asked_size(subject, painter, size):
    motion = subject.motion[HELD[:2]]
    pictures = list(painter.paint(motion, painter.choose(motion, TRAIN), plates(subject, HELD[:2], size), size))
    assert [one.picture.shape for one, _ in pictures] == [(size, size, 3)] * 2
    assert [one.matte.shape for one, _ in pictures] == [(size, size)] * 2


def test_painting_goes_on_from_a_state_as_if_never_stopped(subject, painter):
    motion = subject.motion[HELD]
    choice = painter.choose(motion, TRAIN)
    whole = list(painter.paint(motion, choice, plates(subject, HELD), 32))
    first = whole[:3]
    rest = choice[3:]
    second = list(painter.paint(motion[3:], rest, plates(subject, HELD[3:]), 32, first[-1][1]))
    for (one, _), (two, _) in zip(whole[3:], second, strict=True):
        np.testing.assert_array_equal(one.picture, two.picture)
        np.testing.assert_array_equal(one.matte, two.matte)


def test_a_generator_sees_its_previous_output(subject, generator, monkeypatch):
    monkeypatch.setattr("vidgan.subject.paint.STEADINESS", 0.0)  # the other way from frame to frame
    painter = Painter(subject, generator, CONFIG)
    motion = subject.motion[HELD]
    choice = painter.choose(motion, TRAIN)
    whole = [one.picture for one, _ in painter.paint(motion, choice, plates(subject, HELD), 32)]
    rest = choice[3:]
    fresh = [one.picture for one, _ in painter.paint(motion[3:], rest, plates(subject, HELD[3:]), 32)]
    assert not np.array_equal(whole[3], fresh[0])


@pytest.fixture
def blind(generator):
    """A generator that says the same whatever it sees."""
    for one in generator.net.head.parameters():
        torch.nn.init.zeros_(one)
    return generator


def painted(subject, generator):
    painter = Painter(subject, generator, CONFIG)
    motion = subject.motion[HELD]
    choice = painter.choose(motion, TRAIN)
    return [one.picture for one, _ in painter.paint(motion, choice, plates(subject, HELD), 32)]


def test_a_trained_picture_is_steadied(subject, blind, monkeypatch):
    steadied = painted(subject, blind)
    monkeypatch.setattr("vidgan.subject.paint.STEADINESS", 0.0)
    fresh = painted(subject, blind)
    np.testing.assert_array_equal(steadied[0], fresh[0])
    assert all((a != b).any() for a, b in zip(steadied[1:], fresh[1:], strict=True))


def test_of_somebody_who_trembles_what_is_shown_trembles_less(subject, blind):
    """The last picture is pulled to where the body is without trembling."""
    still = subject.motion[np.repeat(HELD[:1], 8)]
    trembling = 0.01 * np.float32((-1) ** np.arange(8))[:, None, None] * np.float32([1, 0])
    moved, change = replace(still, points=still.points + trembling), []
    for painter in (Painter(subject, None, CONFIG), Painter(subject, blind, CONFIG)):
        choice = painter.choose(still, TRAIN)
        for motion in (moved, replace(moved, calm=moved.points)):
            made = painter.paint(motion, choice, plates(subject, np.repeat(HELD[:1], 8)), 32)
            pictures = np.stack([one.picture for one, _ in made]).astype(float)
            change.append(np.abs(np.diff(pictures[3:], axis=0)).mean())
    assert change[0] < 0.7 * change[1]
    assert change[2] < 0.7 * change[3]


def test_a_trained_matte_is_firm(subject, blind, monkeypatch):
    firm = painted(subject, blind)
    monkeypatch.setitem(FIRMNESS, "trained", 1.0)
    assert (firm[0] != painted(subject, blind)[0]).any()


def test_a_doubted_frame_is_not_chosen(subject):
    motion = subject.motion[HELD]
    usual = Painter(subject, None, CONFIG).choose(motion, TRAIN).index[:, 0]
    doubted = replace(subject)
    vars(doubted)["doubts"] = np.isin(np.arange(len(subject)), usual).astype(np.float32)
    assert not np.isin(Painter(doubted, None, CONFIG).choose(motion, TRAIN).index[:, 0], usual).any()


def test_after_a_frame_without_a_person_nothing_is_left_of_the_one_before(subject):
    painter = Painter(subject, None, CONFIG)
    motion = subject.motion[HELD]
    choice = painter.choose(motion, TRAIN)
    present = motion.present.copy()
    present[2] = False
    gap = list(painter.paint(replace(motion, present=present), choice, plates(subject, HELD), 32))
    rest = choice[3:]
    fresh = list(painter.paint(motion[3:], rest, plates(subject, HELD[3:]), 32))
    np.testing.assert_array_equal(gap[3][0].picture, fresh[0][0].picture)


def test_the_pose_only_generator_paints_too(subject):
    torch.manual_seed(0)
    painter = Painter(subject, PoseOnlyGenerator(MAPS, 3, 8, 1).eval(), CONFIG)
    pictures = list(painter.reconstruct(TRAIN, HELD))
    assert len(pictures) == len(HELD)


def test_the_baseline_shows_the_training_frame_with_the_nearest_pose(subject):
    vectors = subject.motion.descriptors(CONFIG.facing_weight)
    for picture, position in zip(nearest_pose_frames(subject, TRAIN, HELD, CONFIG.facing_weight), HELD, strict=True):
        distances = [pose_distances(vectors[[position]], vectors[[other]])[0, 0] for other in TRAIN]
        nearest = subject.crops[TRAIN[int(np.argmin(distances))]]
        np.testing.assert_array_equal(picture.picture, nearest[..., :3])
        np.testing.assert_array_equal(picture.matte, nearest[..., 3])


def test_scores_are_numbers_and_better_for_what_is_nearer_the_truth(subject):
    perceptual = PerceptualLoss("efficientnet-lite0")
    painter = Painter(subject, None, CONFIG)
    truth = subject.crops[HELD[:4]][..., :3]

    def scores(among):
        outputs = np.stack([one.picture for one in painter.reconstruct(among, HELD[:4])])
        return heldout_scores(outputs, truth, perceptual, painter.device)

    own, far = scores(np.arange(30)), scores(np.array([0, 1]))
    assert 0 < own["perceptual"] < far["perceptual"]
    assert np.isfinite(own["flicker"])
    assert heldout_scores(truth[:1], truth[:1], perceptual, painter.device)["flicker"] == 0


@pytest.mark.parametrize("size", [32, 48])
def test_frames_warped_together_are_those_warped_one_by_one(subject, painter, size):
    """As on a GPU; of some pixels the flow is exact instead of interpolated, so not to the last grey level."""
    motion, choice = subject.motion[HELD], painter.choose(subject.motion[HELD], TRAIN)
    alone, together = (
        [one for one, _ in painter.paint(motion, choice, plates(subject, HELD, size), size)]
        for painter._together in (lambda size: 1, lambda size: 4)
    )
    assert len(alone) == len(together) == len(HELD)
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one.picture.astype(int) - other.picture).mean() < 0.1
        assert np.abs(one.matte.astype(int) - other.matte).mean() < 0.1
    assert np.abs(alone[0].picture.astype(int) - alone[3].picture).mean() > 1


def test_the_pose_says_where_both_face(subject):
    turned = replace(subject, motion=replace(subject.motion, facing=np.linspace(-1, 1, 30, dtype=np.float32)))
    motion = replace(turned.motion, facing=turned.motion.facing + 4)[HELD]
    painter = Painter(turned, None, CONFIG)
    choice = painter.choose(motion, TRAIN)
    pose = painter.pose(motion, choice)
    np.testing.assert_array_equal(pose.facing, motion.facing)
    np.testing.assert_array_equal(pose.reference_facing, turned.motion.facing[choice.index])
