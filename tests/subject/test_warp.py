from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.pose.skeletons import figure, folded
from vidgan.pose.body import PART, PARTS
from vidgan.pose.track import JOINT, LANDMARKS
from vidgan.subject.parts import (
    ABOVE,
    TORSO,
    PartMotion,
    bone_distances,
    bones,
    frontal,
    part_affines,
    part_table,
    part_weights,
)
from vidgan.subject.warp import feathered, grid_points, part_flow, reached, resize_flow, sample

HEIGHT = torch.tensor([0.75])
GRID = (32, 32)
LEFT_HAND = tuple(name for name in LANDMARKS if name in ("left_wrist", "left_pinky", "left_index", "left_thumb"))


def pose(**how):
    """Somebody standing in a window of side 1, (1, J, 2)."""
    return torch.tensor(figure(0.75, (0.5, 0.92), **how), dtype=torch.float32)[None]


def similarity(points, angle, scale, shift):
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return points @ (scale * turn).T + torch.tensor(shift), torch.cat([scale * turn, torch.tensor([shift]).T], 1)


def flow_between(driving, reference, size=GRID, scale=1.0, matte=None):
    mattes = torch.ones(1, 1, 8, 8) if matte is None else matte[None, None]
    return part_flow(PartMotion(driving, reference[:, None], HEIGHT, scale * HEIGHT[:, None], mattes), size[0])


def at(points, size=GRID):
    """The index of the pixels of the grid that are nearest to points (N, 2)."""
    return [(int(y * size[0]), int(x * size[1])) for x, y in points]


def test_the_same_pose_flows_nowhere_and_is_trusted():
    flow = flow_between(pose(), pose())
    torch.testing.assert_close(flow.where[0, 0].reshape(-1, 2), grid_points(GRID), atol=1e-4, rtol=0)
    assert flow.confidence.min() > 0.999


@pytest.mark.parametrize(
    ("angle", "scale", "shift"), [(0, 1, (0.1, -0.2)), (0.5, 1, (0, 0)), (0, 1.2, (0.03, 0)), (-2, 0.7, (0.4, 0.6))]
)
def test_a_moved_pose_moves_every_part_by_exactly_that(angle, scale, shift):
    driving = pose(arms=(0.4, 1.2), knees=(0.2, 0.1))
    reference, affine = similarity(driving, angle, scale, shift)
    found = part_affines(driving, reference[:, None], HEIGHT, scale * HEIGHT[:, None], part_table())
    torch.testing.assert_close(found[0, 0], affine.expand(len(PARTS), 2, 3), atol=2e-4, rtol=0)


def test_the_flow_of_a_moved_pose_is_that_move_everywhere():
    reference, affine = similarity(pose(), 0.1, 0.9, (0.05, 0.02))
    flow = flow_between(pose(), reference, scale=0.9)
    wanted = grid_points(GRID) @ affine[:, :2].T + affine[:, 2]
    torch.testing.assert_close(flow.where[0, 0].reshape(-1, 2), wanted, atol=1e-3, rtol=0)


def test_bones_are_mapped_onto_bones():
    driving, reference = pose(arms=(0.3, 0.3)), pose(arms=(1.4, 0.8), knees=(0.3, 0.2))
    table = part_table()
    affines = part_affines(driving, reference[:, None], HEIGHT, HEIGHT[:, None], table)[0, 0]
    for here, there in zip(bones(driving, table), bones(reference, table), strict=True):
        moved = torch.einsum("pij,pj->pi", affines[:, :, :2], here[0]) + affines[:, :, 2]
        limbs = [index for name, index in PART.items() if name not in ("head", "torso")]
        torch.testing.assert_close(moved[limbs], there[0, limbs], atol=1e-4, rtol=0)


def test_a_turned_forearm_moves_its_own_pixels_only():
    driving, reference = pose(), pose()
    elbow = driving[0, JOINT["left_elbow"]]
    hand = [JOINT[name] for name in LEFT_HAND]
    turned, _ = similarity(driving[0, hand] - elbow, 0.8, 1.0, (0.0, 0.0))
    reference[0, hand] = turned + elbow
    where = flow_between(driving, reference, (96, 96)).where[0, 0]
    still = grid_points((96, 96)).reshape(96, 96, 2)

    def middle(points, part):
        start, end = bones(points, part_table())
        return (start[0, PART[part]] + end[0, PART[part]]) / 2

    y, x = at([middle(driving, "left_lower_arm")], (96, 96))[0]
    assert (where[y, x] - middle(reference, "left_lower_arm")).norm() < 0.03
    assert (where[y, x] - still[y, x]).norm() > 0.03
    for part in ("head", "torso", "right_lower_arm", "right_thigh", "left_shin", "right_foot"):
        y, x = at([middle(driving, part)], (96, 96))[0]
        assert (where[y, x] - still[y, x]).norm() < 0.005, part


def lowered_and_raised():
    """A driving pose with its left arm beside the trunk, and a reference with that arm stretched out."""
    return pose(arms=(0.15, 0.0)), pose(arms=(1.6, 0.0))


def test_between_parts_that_come_from_afar_the_flow_has_a_cut():
    """No pixel comes from the empty space between the reference's trunk and its arm."""
    driving, reference = lowered_and_raised()
    grid = grid_points((96, 96))
    weights = part_weights(bone_distances(driving, grid[None], HEIGHT, part_table()), frontal(driving, HEIGHT))[0]
    affines = part_affines(driving, reference[:, None], HEIGHT, HEIGHT[:, None], part_table())[0, 0]
    shares, parts = weights.topk(2, dim=0)
    landings = torch.einsum("pij,nj->pni", affines[..., :2], grid) + affines[:, None, :, 2]
    first, second = (landings[part, torch.arange(len(grid))] for part in parts)
    contested = (shares[1] > 0.2) & ((first - second).norm(dim=-1) > 0.1)
    assert contested.sum() > 10
    where = flow_between(driving, reference, (96, 96)).where[0, 0].flatten(0, 1)
    apart = torch.minimum((where - first).norm(dim=-1), (where - second).norm(dim=-1))
    assert apart[contested].max() < 0.01


def test_a_finer_grid_keeps_cuts_sharp():
    driving, reference = lowered_and_raised()
    fine = resize_flow(flow_between(driving, reference, (24, 24)), 96)
    exact = flow_between(driving, reference, (96, 96))
    smeared = (fine.where - exact.where).norm(dim=-1)[:, 0] > 0.02
    assert smeared[exact.near > 0.5].float().mean() < 0.03


def test_along_a_cut_and_nowhere_else_pictures_are_averaged():
    size = (512, 512)
    driving, reference = lowered_and_raised()
    flow = resize_flow(flow_between(driving, reference, (128, 128)), size[0])
    picture = torch.rand(1, 1, 3, *size, generator=torch.Generator().manual_seed(0))
    soft = feathered(picture, flow)
    means = torch.nn.functional.avg_pool2d(picture[0], 3, 1, 1)[None]
    changed = (soft != picture).any(2)[0, 0]
    torch.testing.assert_close(soft[..., changed], means[..., changed])
    x, y = flow.where[0, 0].unbind(-1)
    jump = torch.hypot(x.diff(dim=1)[:-1], y.diff(dim=1)[:-1]) > 0.05
    jump &= flow.near[0, :-1, :-1] > 0.5
    assert jump.sum() > 50
    assert changed[:-1, :-1][jump].float().mean() > 0.9
    assert changed.float().mean() < 0.05


def test_beside_a_thin_arm_what_lies_behind_it_is_seen():
    """An arm a third as thick as what is near its bone, over the trunk; in the reference it is stretched out."""
    size = (384, 384)
    driving, reference = pose(arms=(0.15, 0.0)), pose(arms=(1.6, 0.0))
    driving[0, [JOINT[name] for name in LEFT_HAND]] = driving[0, [JOINT[name] for name in TORSO]].mean(0)
    arms = [PART[f"left_{part}"] for part in ("upper_arm", "lower_arm", "hand")]

    def of_the_person(points):
        distances = bone_distances(points, grid_points(size)[None], HEIGHT, part_table())[0]
        distances[arms] *= 9
        return (distances.amin(0) < 1).view(size), (distances[arms].amin(0) < 1).view(size)

    matte = of_the_person(reference)[0].float()
    flow = flow_between(driving, reference, size, matte=matte)
    shown = sample(matte[None, None, None], flow.where)[0, 0, 0]
    body, arm = of_the_person(driving)
    grid = grid_points(size)[None]
    near = bone_distances(driving, grid, HEIGHT, part_table())[0]
    beside = body & ~arm & torch.isin(near.argmin(0), torch.tensor(arms[1:])).view(size)
    assert beside.sum() > 30
    assert (shown[beside] > 0.5).float().mean() > 0.9
    blind = sample(matte[None, None, None], flow_between(driving, reference, size).where)[0, 0, 0]
    assert (blind[beside] > 0.5).float().mean() < 0.5


def test_what_another_part_covers_in_the_reference_is_not_trusted():
    """The reference's left arm lies over its torso: the driving pose's torso finds an arm there."""
    driving, reference = pose(arms=(1.3, 0.3)), pose(arms=(1.3, 0.3))
    arm = [JOINT[name] for name in ("left_elbow", *LEFT_HAND)]
    torso = reference[0, [JOINT["left_shoulder"], JOINT["right_shoulder"], JOINT["left_hip"], JOINT["right_hip"]]]
    reference[0, arm] = torso.mean(0)
    flow = flow_between(driving, reference, (96, 96))
    y, x = at([torso.mean(0)], (96, 96))[0]
    covered = flow.confidence[0, 0, y, x]
    y, x = at([driving[0, JOINT["right_knee"]]], (96, 96))[0]
    assert covered < flow.confidence[0, 0, y, x] - 0.05


def armed(points):
    """The pose with its left forearm and hand across the chest, and the middle of it."""
    chest = points[0, [JOINT["left_shoulder"], JOINT["right_shoulder"]]].mean(0) + torch.tensor([0.0, 0.08])
    return torch.from_numpy(folded(points, chest)), chest


def test_what_an_arm_hides_in_the_reference_is_not_shown_by_it_and_all_else_is():
    driving, size = pose(), (96, 96)
    reference, chest = armed(driving)
    flow = resize_flow(flow_between(driving, reference, (48, 48)), size[0])
    shown = flow.shown[0, 0]
    y, x = at([chest], size)[0]
    assert shown[y, x] < 0.1
    below = [driving[0, JOINT[name]] for name in ("left_hip", "right_hip", "left_knee", "right_ankle", "right_wrist")]
    assert all(shown[y, x] > 0.95 for y, x in at([*below, driving[0, JOINT["nose"]]], size))


def test_an_arm_that_is_asked_for_before_the_chest_is_shown():
    crossed, _ = armed(pose())
    assert flow_between(crossed, crossed, (96, 96)).shown.min() > 0.99


def test_nothing_outside_the_references_window_is_trusted():
    reference, _ = similarity(pose(), 0.0, 1.0, (0.0, -0.6))
    flow = flow_between(pose(), reference)
    outside = ((flow.where < 0) | (flow.where > 1)).any(-1)
    assert outside.any()
    assert flow.confidence[outside].max() == 0


def test_inside_is_the_body_and_near_fades_away_from_it():
    driving = pose()
    flow = flow_between(driving, driving, (64, 64))
    for name in ("left_knee", "right_shoulder", "left_hip"):
        y, x = at([driving[0, JOINT[name]]], (64, 64))[0]
        assert flow.inside[0, y, x] > 0.9
        assert flow.near[0, y, x] > 0.9
    assert flow.inside[0, 0, 0] < 0.01
    assert flow.near[0, 0, 0] < 0.1


@pytest.mark.parametrize(("radii", "wanted"), [(0.0, 1.0), (0.4, 1.0), (0.55, 0.5), (0.7, 0.0), (2.0, 0.0)])
def test_the_core_is_narrower_than_the_parts_since_bodies_may_be_slim(radii, wanted):
    """At as many part radii beside the middle of a shin, where nothing else is near."""
    driving = pose()
    beside = torch.tensor([radii * PARTS[PART["left_shin"]].radius * float(HEIGHT), 0.0])
    flow = flow_between(driving, driving, (512, 512))
    y, x = at([driving[0, [JOINT["left_knee"], JOINT["left_ankle"]]].mean(0) + beside], (512, 512))[0]
    assert float(flow.core[0, y, x]) == pytest.approx(wanted, abs=0.12)


def test_distances_to_bones_match_the_distance_to_sampled_points_on_them():
    """But for what lies beyond the shoulders: of the trunk, it is farther by `ABOVE`."""
    points, pixels = pose(arms=(0.7, 1.1)), grid_points((6, 6))
    found = bone_distances(points, pixels[None], HEIGHT, part_table())[0]
    start, end = bones(points, part_table())
    share = torch.linspace(0, 1, 2001)[None, :, None]
    along = start[0][:, None] + share * (end - start)[0][:, None]
    offsets = pixels - along[:, :, None]
    closest = offsets.norm(dim=-1).argmin(1)
    nearest = torch.stack([one[index, torch.arange(len(pixels))] for one, index in zip(offsets, closest, strict=True)])
    up = (end - start)[0, PART["torso"]]
    up = up / up.norm()
    above = (nearest[PART["torso"]] @ up).clamp_min(0)
    assert (above > 0).any()
    nearest[PART["torso"]] += (ABOVE - 1) * above[:, None] * up
    nearest = nearest.norm(dim=-1)
    radius = torch.tensor([part.radius for part in PARTS]) * HEIGHT
    torch.testing.assert_close(found.sqrt(), nearest / radius[:, None], atol=1e-2, rtol=1e-3)


def test_part_weights_sum_to_one_and_prefer_the_nearest():
    distances = torch.rand(2, len(PARTS), 50) * 20
    weights = part_weights(distances, torch.zeros(2))
    torch.testing.assert_close(weights.sum(1), torch.ones(2, 50))
    assert torch.equal(weights.argmax(1), distances.argmin(1))


def across_the_trunk(turned=False):
    """Somebody whose left forearm lies across the middle of their trunk, seen from the front or from behind."""
    points = pose()
    middle_x, middle_y = points[0, [JOINT[name] for name in TORSO]].mean(0)
    points[0, JOINT["left_elbow"]] = torch.stack([middle_x + 0.08, middle_y])
    points[0, [JOINT[name] for name in LEFT_HAND]] = torch.stack([middle_x - 0.08, middle_y])
    if turned:
        points[..., 0] = 1 - points[..., 0]
    return points, float(1 - middle_x if turned else middle_x), float(middle_y)


@pytest.mark.parametrize("turned", [False, True])
def test_an_arm_across_the_trunk_is_whole_from_the_front_and_behind_a_back(turned):
    driving, x, y = across_the_trunk(turned)
    radius = part_table().radius[PART["left_lower_arm"]] * HEIGHT
    offsets = torch.linspace(-2.0, 2.0, 41)
    down = torch.stack([torch.full((41,), x), y + offsets * radius], -1)[None]
    weights = part_weights(bone_distances(driving, down, HEIGHT, part_table()), frontal(driving, HEIGHT))[0]
    arm = weights[PART["left_lower_arm"]] > 0.5
    assert torch.equal(arm, (offsets.abs() < 0.86) & (not turned))  # `CROSSING` is 0.866²


def test_arms_go_before_fronts_and_behind_backs_each_in_its_own_pose_and_reference():
    """Two driving poses, seen from the front and from behind, and two references of each: alike, and the other way."""
    (front, x, y), (back, _, _) = across_the_trunk(), across_the_trunk(turned=True)
    driving, references = torch.cat([front, back]), torch.stack([torch.cat([front, back]), torch.cat([back, front])])
    tall = HEIGHT.expand(2)
    parts = PartMotion(driving, references, tall, tall[:, None].expand(2, 2), torch.ones(2, 2, 8, 8))
    where, trust, _, _ = parts.at(torch.tensor([[[x, y]]]).expand(2, 1, 2))
    for index, part in enumerate((PART["left_lower_arm"], PART["torso"])):
        point = torch.tensor([x, y, 1.0])
        torch.testing.assert_close(where[index, :, 0], parts.affines[index, :, part] @ point, atol=0.01, rtol=0)
    # An arm lands on an arm in the front view alone, the trunk on a trunk in the other.
    assert trust[[0, 1], 0, 0].min() > 0.9
    assert trust[[0, 1], 1, 0].max() < 0.5


def test_how_far_a_person_is_seen_from_the_front():
    turns = torch.tensor([0.0, 0.7, math.pi / 2, 2.2, math.pi])
    points = pose().repeat(len(turns), 1, 1)
    points[..., 0] = 0.5 + (points[..., 0] - 0.5) * turns.cos()[:, None]
    torch.testing.assert_close(
        frontal(points, HEIGHT.expand(5)), torch.tensor([1.0, 1.0, 0.0, -1.0, -1.0]), atol=1e-5, rtol=0
    )
    for angle in (0.8, math.pi / 2, math.pi):  # leaning, lying, upside down
        fallen = torch.stack([similarity(one, angle, 1.0, (0.0, 0.0))[0] for one in points])
        torch.testing.assert_close(
            frontal(fallen, HEIGHT.expand(5)), frontal(points, HEIGHT.expand(5)), atol=1e-4, rtol=0
        )
    nearly = points.clone()
    nearly[..., 0] = 0.5 + (pose()[..., 0] - 0.5) * math.cos(1.3)
    assert 0.1 < float(frontal(nearly, HEIGHT.expand(5))[0]) < 0.9


def test_a_flow_is_resized_without_being_moved():
    reference, affine = similarity(pose(), 0.2, 1.0, (0.05, 0.0))
    coarse = flow_between(pose(), reference, (16, 16))
    fine = resize_flow(coarse, 64)
    assert fine.confidence.shape == (1, 1, 64, 64)
    assert fine.inside.shape == fine.near.shape == (1, 64, 64)
    wanted = (grid_points((64, 64)) @ affine[:, :2].T + affine[:, 2]).reshape(64, 64, 2)
    torch.testing.assert_close(fine.where[0, 0, 4:-4, 4:-4], wanted[4:-4, 4:-4], atol=1e-3, rtol=0)
    assert resize_flow(coarse, 16) is coarse


def test_several_references_are_resized_each_on_its_own():
    first, _ = similarity(pose(), 0.0, 1.0, (0.1, 0.0))
    second, _ = similarity(pose(), 0.0, 1.0, (0.0, 0.1))
    references = torch.stack([first, second], 1)
    both = part_flow(PartMotion(pose(), references, HEIGHT, HEIGHT.expand(1, 2), torch.ones(1, 2, 8, 8)), 16)
    fine = resize_flow(both, 32)
    for index, reference in enumerate((first, second)):
        alone = resize_flow(flow_between(pose(), reference, (16, 16)), 32)
        torch.testing.assert_close(fine.where[:, index], alone.where[:, 0])
        torch.testing.assert_close(fine.confidence[:, index], alone.confidence[:, 0])


def test_sampling_a_ramp_gives_where_the_flow_points():
    reference, _ = similarity(pose(), 0.1, 1.0, (0.06, -0.04))
    flow = flow_between(pose(), reference)
    ramp = grid_points((40, 40)).T.reshape(1, 1, 2, 40, 40)
    pulled = sample(ramp, flow.where)[0, 0].movedim(0, -1)
    inner = ((flow.where > 0.05) & (flow.where < 0.95)).all(-1)[0, 0]
    assert inner.float().mean() > 0.5
    torch.testing.assert_close(pulled[inner], flow.where[0, 0][inner], atol=1e-4, rtol=0)


def test_sampling_beyond_the_picture_gives_zero():
    reference, _ = similarity(pose(), 0.0, 1.0, (2.0, 2.0))
    assert sample(torch.ones(1, 1, 4, 8, 8), flow_between(pose(), reference).where).abs().max() == 0


@settings(max_examples=40, deadline=None)
@given(
    driving=arrays(np.float32, (33, 2), elements=st.floats(-1, 2, width=32)),
    reference=arrays(np.float32, (33, 2), elements=st.floats(-1, 2, width=32)),
    heights=st.tuples(st.floats(0.05, 1.5), st.floats(0.05, 1.5)),
)
def test_no_pose_gives_anything_but_numbers(driving, reference, heights):
    poses = (torch.from_numpy(driving)[None], torch.from_numpy(reference)[None, None])
    mattes = grid_points((8, 8)).sum(-1).reshape(1, 1, 8, 8) / 2
    flow = part_flow(PartMotion(*poses, torch.tensor(heights[:1]), torch.tensor([heights[1:]]), mattes), 8)
    assert torch.isfinite(flow.where).all()
    for share in (flow.confidence, flow.inside, flow.near):
        assert share.min() >= 0
        assert share.max() <= 1 + 1e-4


@pytest.mark.parametrize("collapsed", [0.0, 0.5])
def test_a_person_without_extent_gives_numbers(collapsed):
    point = torch.full((1, 33, 2), collapsed)
    for driving, reference in ((point, pose()), (pose(), point), (point, point)):
        flow = flow_between(driving, reference)
        assert torch.isfinite(flow.where).all()
        assert torch.isfinite(flow.confidence).all()


@pytest.mark.parametrize("arms", [(0.1, 0.1), (1.5, 0.2)])
def test_a_flow_in_the_columns_that_the_body_reaches_is_that_of_the_whole_window(arms):
    driving, reference = pose(arms=arms), pose(arms=(0.9, 1.1))
    parts = PartMotion(driving, reference[:, None], HEIGHT, HEIGHT[:, None], torch.ones(1, 1, 8, 8))
    columns = reached(parts, 24, 96)
    assert 0 < columns.start < columns.stop <= 24
    whole, some = (resize_flow(part_flow(parts, 24, one), 96) for one in (None, columns))
    assert reached(parts, 24, 100) == slice(0, 24)  # whose pixels lie across the grid's borders
    beyond = torch.ones(96, dtype=torch.bool)
    beyond[some.columns] = False
    assert some.near.shape[-1] == 96 - int(beyond.sum()) < 96
    assert whole.near[..., beyond].sum() == 0
    near = some.near[0] > 0
    torch.testing.assert_close(whole.near[..., ~beyond], some.near, rtol=0, atol=1e-5)
    for name in ("where", "confidence", "shown"):
        full, part = (getattr(flow, name)[0, 0] for flow in (whole, some))
        torch.testing.assert_close(full[:, ~beyond][near], part[near], rtol=0, atol=1e-5)


@pytest.mark.parametrize("aside", [-1.5, -0.6, 0.6, 1.5])
def test_a_body_beyond_its_window_flows_all_the_same(aside):
    driving = pose() + torch.tensor([aside, 0.0])
    parts = PartMotion(driving, pose()[:, None], HEIGHT, HEIGHT[:, None], torch.ones(1, 1, 8, 8))
    flow = resize_flow(part_flow(parts, 16, reached(parts, 16, 64)), 64)
    assert flow.near.isfinite().all()
    assert (flow.near.sum() == 0) == (abs(aside) > 1)
