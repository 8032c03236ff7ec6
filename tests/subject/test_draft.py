from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.pose.skeletons import figure, folded
from tests.subject.sticks import picture_of, pose_of, posed, references_of, stick_subject
from vidgan.pose.track import JOINT
from vidgan.subject.draft import (
    FIRMNESS,
    TURN,
    TURNED,
    Pose,
    Warped,
    believed,
    blend_logits,
    blended,
    composite,
    firm,
    flows,
    mix,
    warp_references,
)
from vidgan.subject.heads import faces
from vidgan.subject.parts import TORSO


@pytest.fixture(scope="module")
def subject():
    return stick_subject(12)


def drafted(subject, driving, indices, size=32):
    pose = pose_of(subject, driving, indices)
    references = references_of(subject, indices)
    warped = warp_references(references, flows(pose, references, size), size)
    colour, matte = blended(warped)
    matte = firm(matte, FIRMNESS["draft"])
    return composite(colour, matte, torch.zeros(1, 3, size, size)), matte


def test_the_draft_of_a_references_own_pose_is_that_reference(subject):
    picture, matte = drafted(subject, 4, [4])
    truth = references_of(subject, [4])[0, 0]
    person = truth[3] > 0.9
    assert (matte[0, 0][person] > 0.9).float().mean() > 0.95
    assert (picture[0, :, person] - truth[:3, person]).abs().mean() < 0.05


def test_a_wrong_pose_drafts_the_driving_body_not_the_references(subject):
    """Farther than the reference itself, nearer than its own pose: the person follows the driving pose."""
    first = 0
    far = int(np.abs(subject.motion.points - subject.motion.points[first]).max((1, 2)).argmax())
    _, matte = drafted(subject, first, [far])
    wanted, own = (torch.from_numpy(subject.crops[i, ..., 3] / 255.0).float() for i in (first, far))
    assert (matte[0, 0] - wanted).abs().mean() < 0.6 * (own - wanted).abs().mean()


def test_the_draft_is_as_large_as_asked(subject):
    picture, matte = drafted(subject, 2, [3, 9], size=48)
    assert picture.shape == (1, 3, 48, 48)
    assert matte.shape == (1, 1, 48, 48)
    assert matte.min() >= 0
    assert matte.max() <= 1


@pytest.fixture
def red_arm():
    """Drafts of a green person from two references, of which the first has a red forearm before the chest; the chest's
    pixel.
    """
    body = figure(0.75, (0.5, 0.92))
    chest = body[[JOINT["left_shoulder"], JOINT["right_shoulder"]]].mean(0) + np.float64([0, 0.08])
    armed = folded(body, chest)
    y, x = int(chest[1] * 64), int(chest[0] * 64)
    pictures = torch.ones(1, 2, 4, 64, 64)
    pictures[:, :, [0, 2]] = -1
    pictures[0, 0, :, y - 3 : y + 4, x - 6 : x + 7] = torch.tensor([1.0, -1.0, -1.0, 1.0])[:, None, None]

    def draft(arm, turned=0.0):
        driving, poses = (np.float32(one) for one in ((armed if arm else body)[None], np.stack([armed, body])[None]))
        height, facing = torch.tensor([0.75]), torch.tensor([[0.0, turned]])
        pose = posed(
            torch.tensor(driving), height, facing[:, 0], torch.tensor(poses), height[None].expand(1, 2), facing,
        )  # fmt: skip
        return blended(warp_references(pictures, flows(pose, pictures, 64), 64))[0][0]

    return draft, (slice(y - 1, y + 2), x)


@pytest.mark.parametrize("turned", [0.0, 1.0, 3.0])
def test_what_an_arm_hides_is_taken_from_another_reference_however_it_is_turned(red_arm, turned):
    draft, chest = red_arm
    red, green, _ = draft(arm=False, turned=turned)
    enough = 0.7 if turned else 0.9
    assert (green[chest] > enough).all()
    assert (red[chest] < -enough).all()


def test_an_arm_before_the_chest_that_is_asked_for_stays(red_arm):
    draft, chest = red_arm
    red, green, _ = draft(arm=True)
    assert (red[chest] > 0.5).all()
    assert (green[chest] < -0.5).all()


def facing_pose(driving, references):
    """One pose from as many references, all the same but for where they face, in degrees."""
    body = torch.tensor(np.float32(figure(0.75, (0.5, 0.92))))[None]
    height, facing = torch.tensor([0.75]), torch.tensor([references]).deg2rad()
    every = torch.ones_like(facing)
    bodies = body[None].expand(1, len(references), -1, -1)
    return posed(body, height, torch.tensor([driving]).deg2rad(), bodies, 0.75 * every, facing)


def test_how_far_trunks_face_alike_falls_as_a_gaussian_and_never_below_a_floor():
    alike = facing_pose(170.0, [-170.0, 165.0, 170.0 - math.degrees(TURN), 0.0]).alike
    turned = np.deg2rad([20, 5, math.degrees(TURN)])
    np.testing.assert_allclose(alike[0, :, 0], [*np.exp(-(turned**2) / (2 * TURN**2)), TURNED], rtol=1e-4)


def trunk_of(pose):
    """How far each reference counts in the middle of the trunk, (K,)."""
    pictures = torch.ones(1, pose.reference.shape[1], 4, 64, 64)
    warped = warp_references(pictures, flows(pose, pictures, 64), 64)
    x, y = (64 * pose.driving[0, [JOINT[name] for name in TORSO]].mean(0)).long()
    return warped.confidence[0, :, y, x]


def test_a_trunk_that_is_turned_away_counts_less_beside_one_that_is_not():
    torch.testing.assert_close(trunk_of(facing_pose(0.0, [50.0, 50.0])), torch.ones(2), rtol=0, atol=0.02)
    nearer, farther = trunk_of(facing_pose(0.0, [9.0, 54.0]))
    assert nearer > 0.95
    assert farther < 0.3


def test_a_face_is_taken_from_the_reference_whose_head_is_turned_as_asked():
    """Of one, and of no part but the head."""
    pose = facing_pose(0.0, [0.0, 0.0])
    nose, brow = (JOINT[name] for name in ("nose", "left_eye"))
    away = pose.reference.clone()
    away[0, 0, nose, 0] += 0.02  # its first reference looks aside
    pose = replace(pose, reference=away, reference_face=faces(away, pose.reference_height))
    pictures = torch.ones(1, 2, 4, 64, 64)
    warped = warp_references(pictures, flows(pose, pictures, 64), 64)
    x, y = (64 * pose.driving[0, brow]).long()
    assert warped.confidence[0, 0, y, x] < 0.3 < 0.9 < warped.confidence[0, 1, y, x]
    assert trunk_of(pose).min() > 0.9


@pytest.mark.parametrize("nearer", [0, 1])
def test_a_print_on_the_trunk_is_taken_from_the_reference_that_faces_as_asked(nearer):
    facing = [10.0, 10.0]
    facing[nearer] = 50.0
    pose = facing_pose(55.0, facing)
    pictures = torch.ones(1, 2, 4, 64, 64)
    pictures[0, nearer, :3] = -1  # dark where it faces as asked, bright where it does not
    body = pose.driving[0]
    colour = blended(warp_references(pictures, flows(pose, pictures, 64), 64))[0][0, 0]

    def at(*names):
        x, y = (64 * body[[JOINT[name] for name in names]].mean(0)).long()
        return float(colour[y, x])

    assert at(*TORSO) < -0.9
    even = facing_pose(30.0, [30.0, 30.0])
    shown = blended(warp_references(pictures, flows(even, pictures, 64), 64))[0][0, 0]
    shin = tuple((64 * body[[JOINT["left_knee"], JOINT["left_ankle"]]].mean(0)).long().flip(0))
    torch.testing.assert_close(colour[shin], shown[shin])  # of limbs it says nothing


def test_beside_a_head_that_leans_no_upright_neck_stays():
    body, size = figure(0.75, (0.5, 0.92)), 256
    neck = body[[JOINT[f"{side}_shoulder"] for side in ("left", "right")]].mean(0)
    leaning = body.copy()
    lean = np.deg2rad(60)
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    leaning[: JOINT["left_shoulder"]] = (body[: JOINT["left_shoulder"]] - neck) @ turn.T + neck
    bodies = torch.tensor(np.float32([body, leaning]))
    height, still = torch.tensor([0.75]), torch.zeros(1)
    pose = posed(bodies[1:], height, still, bodies[None, :1], height[None], still[None])
    pictures = torch.full((1, 1, 4, size, size), -1.0)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    person = (abs(x - neck[0]) < 0.025) | (y > neck[1])  # a neck as wide as that, and all below it
    pictures[0, 0, 3] = torch.tensor(np.float32(person))
    shown = warp_references(pictures, flows(pose, pictures, size), size).matte[0, 0]

    def at(angle, far):
        column, row = (size * (neck + 0.75 * far * np.array([np.sin(angle), -np.cos(angle)]))).astype(int)
        return float(shown[row, column])

    assert at(lean, 0.06) > 0.9
    assert at(0.0, 0.06) < 0.1


def test_a_limb_that_a_reference_lacks_comes_from_another():
    pose = facing_pose(0.0, [0.0, 0.0])
    x, y = (256 * pose.driving[0, [JOINT["left_knee"], JOINT["left_ankle"]]].mean(0)).long()
    pictures = torch.ones(1, 2, 4, 256, 256)
    pictures[0, 0, 3, y - 9 : y + 10] = 0
    warped = warp_references(pictures, flows(pose, pictures, 256), 256)
    assert warped.core[0, 0, y, x] > 0.9
    assert blended(warped)[1][0, 0, y, x] > 0.9
    beside = replace(warped, confidence=torch.ones_like(warped.confidence))
    assert blended(beside)[1][0, 0, y, x] < 0.3  # by rank alone it would be the first one's nothing


def test_away_from_the_bones_nobody_is_believed():
    matte, core = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3), torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 3, 1)
    wanted = torch.tensor([[1.0, 1.0, 1.0], [0.5, 0.75, 1.0], [0.0, 0.5, 1.0]])
    torch.testing.assert_close(believed(matte, core)[0, 0], wanted)


def test_a_shown_matte_is_firmer_than_the_mean_of_its_references():
    matte = torch.tensor([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]).view(1, 1, 1, 7)
    torch.testing.assert_close(firm(matte, 1.6).flatten(), torch.tensor([0.0, 0.0, 0.18, 0.5, 0.82, 1.0, 1.0]))


def test_at_equal_confidence_nearer_slots_count_more():
    warped = Warped(
        torch.zeros(1, 3, 3, 2, 2), torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), torch.zeros(1, 1, 2, 2)
    )
    weights = torch.softmax(blend_logits(warped), 1)[0, :, 0, 0]
    assert weights[0] > weights[1] > weights[2]


def test_mixing_is_the_weighted_mean():
    torch.manual_seed(0)
    warped = Warped(torch.rand(2, 3, 3, 4, 4), torch.rand(2, 3, 4, 4), torch.ones(2, 3, 4, 4), torch.zeros(2, 1, 4, 4))
    weights = torch.softmax(torch.randn(2, 3, 4, 4), 1)
    colour, matte = mix(weights, warped)
    wanted = sum(weights[:, i : i + 1] * warped.colour[:, i] for i in range(3))
    torch.testing.assert_close(colour, wanted)
    torch.testing.assert_close(matte[:, 0], sum(weights[:, i] * warped.matte[:, i] for i in range(3)))


def test_the_composite_shows_the_plate_where_nobody_is():
    colour, plate = torch.full((1, 3, 2, 2), 0.8), torch.full((1, 3, 2, 2), -0.4)
    matte = torch.tensor([[[[0.0, 1.0], [0.5, 0.25]]]])
    wanted = torch.tensor([[-0.4, 0.8], [0.2, -0.1]])
    torch.testing.assert_close(composite(colour, matte, plate)[0, 0], wanted)


def test_pictures_come_as_they_are():
    assert picture_of(np.full((1, 2, 2, 3), 255, np.uint8)).max() == 1
    assert picture_of(np.zeros((1, 2, 2, 3), np.uint8)).min() == -1


def test_a_draft_of_several_poses_is_that_of_each(subject):
    """Also where they reach different columns."""
    poses = [pose_of(subject, driving, [2, 9]) for driving in (1, 6)]
    references = references_of(subject, [2, 9])
    both = Pose(*(torch.cat(values) for values in zip(*(vars(pose).values() for pose in poses), strict=True)))
    flow = flows(both, references.expand(2, -1, -1, -1, -1), 64, whole=False)
    colour, matte = blended(warp_references(references.expand(2, -1, -1, -1, -1), flow, 64))
    for index, pose in enumerate(poses):
        alone = warp_references(references, flows(pose, references, 64), 64)
        own, there = blended(alone)
        torch.testing.assert_close(matte[index], there[0], atol=1e-5, rtol=0)
        torch.testing.assert_close((matte * colour)[index], (there * own)[0], atol=1e-4, rtol=0)
