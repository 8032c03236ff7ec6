from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from tests.subject.sticks import pose_of, references_of, stick_subject
from vidgan.nets.repair import Repair
from vidgan.pose.rasterise import MAPS
from vidgan.subject.draft import draft, flows, warp_references
from vidgan.subject.paint import (
    STEADINESS,
    Previous,
    as_previous,
    conditioning,
    nothing_before,
    paint,
    previous_flow,
    steady,
    with_previous,
)

S = 32


@pytest.fixture(scope="module")
def subject():
    return stick_subject(12)


@pytest.fixture
def warped(subject):
    pose = pose_of(subject, 4, [2, 7, 10])
    return warp_references(references_of(subject, [2, 7, 10]), flows(pose, S), pose.fade, S)


@pytest.fixture
def plate():
    return torch.linspace(-1, 1, S).expand(1, 3, S, S).contiguous()


def change(logit=0.0, own=0.0, colour=0.0, matte=0.0, size=S):
    """A generator's output: `logit` for the first reference, `own` for the own colour."""
    logits = torch.zeros(1, 4, size, size)
    logits[:, 0], logits[:, -1] = logit, own
    return Repair(logits, torch.full((1, 3, size, size), colour), torch.full((1, 1, size, size), matte))


def test_a_generator_that_changes_nothing_gives_nearly_the_draft(warped, plate):
    wanted, matte = draft(warped, plate)
    painted = paint(change(), warped, plate)
    assert (painted.picture - wanted).abs().mean() < 0.3 * (plate - wanted).abs().mean()
    assert (painted.matte - matte).abs().mean() < 0.02


def test_the_weights_sum_to_one(warped, plate):
    painted = paint(change(1.0, 0.5), warped, plate)
    torch.testing.assert_close(painted.weights.sum(1), torch.ones(1, S, S))


def test_all_weight_on_the_own_colour_gives_it(warped, plate):
    painted = paint(change(own=60.0, colour=0.3, matte=20.0), warped, plate)
    torch.testing.assert_close(painted.picture, torch.full_like(plate, 0.3), atol=1e-3, rtol=0)


def test_all_weight_on_a_reference_gives_its_pixels(warped, plate):
    painted = paint(change(logit=60.0, matte=20.0), warped, plate)
    torch.testing.assert_close(painted.picture, warped.colour[:, 0], atol=1e-3, rtol=0)


def test_the_matte_moves_the_way_the_generator_says(warped, plate):
    less, same, more = (paint(change(matte=m), warped, plate).matte.mean() for m in (-2.0, 0.0, 2.0))
    assert less < same < more


def test_an_own_matte_does_not_look_at_the_draft(warped, plate):
    painted = paint(change(matte=1.5), warped, plate, own=True)
    torch.testing.assert_close(painted.matte, torch.full((1, 1, S, S), torch.sigmoid(torch.tensor(1.5)).item()))


def test_a_small_generator_paints_a_large_picture(subject, warped):
    large = 64
    pose = pose_of(subject, 4, [2, 7, 10])
    references = torch.nn.functional.interpolate(references_of(subject, [2, 7, 10])[0], (large, large))[None]
    sharp = warp_references(references, flows(pose, large), pose.fade, large)
    painted = paint(change(), sharp, torch.zeros(1, 3, large, large))
    assert painted.picture.shape == (1, 3, large, large)
    wanted, _ = draft(sharp, torch.zeros(1, 3, large, large))
    assert (painted.picture - wanted).abs().mean() < 0.05


def test_before_the_first_frame_nothing_is_trusted(subject, warped):
    points, heights = torch.from_numpy(subject.motion.points[:1]), torch.from_numpy(subject.motion.heights[:1])
    before = nothing_before(points, heights, S)
    full = with_previous(warped, before, previous_flow(before, points, heights, S), S)
    assert full.colour.shape == (1, 4, 3, S, S)
    assert full.confidence[:, -1].max() == 0
    torch.testing.assert_close(full.colour[:, :-1], warped.colour)


def test_the_previous_output_in_the_same_pose_comes_back_as_it_was(subject, warped, plate):
    points, heights = torch.from_numpy(subject.motion.points[4:5]), torch.from_numpy(subject.motion.heights[4:5])
    painted = paint(change(), warped, plate)
    before = as_previous(painted, points, heights, S)
    full = with_previous(warped, before, previous_flow(before, points, heights, S), S)
    torch.testing.assert_close(full.colour[:, -1, :, 1:-1, 1:-1], painted.colour[..., 1:-1, 1:-1], atol=5e-3, rtol=0)
    torch.testing.assert_close(full.matte[:, -1:, 1:-1, 1:-1], painted.matte[..., 1:-1, 1:-1], atol=5e-3, rtol=0)
    assert full.confidence[:, -1, 1:-1, 1:-1].min() > 0.9


def test_what_the_next_frame_sees_is_at_the_networks_size_and_can_be_cut_off(subject, warped, plate):
    points, heights = torch.from_numpy(subject.motion.points[4:5]), torch.from_numpy(subject.motion.heights[4:5])
    out = change()
    out.matte.requires_grad_(True)
    before = as_previous(paint(out, warped, plate), points, heights, S // 2)
    assert before.picture.shape == (1, 4, S // 2, S // 2)
    assert before.picture.requires_grad
    assert not before.detached().picture.requires_grad


@pytest.fixture
def standing(subject):
    """A pose to stand in, and its middle row of pixels in the window."""
    return torch.from_numpy(subject.motion.points[4:5]), torch.from_numpy(subject.motion.heights[4:5])


def shown(value, matte, points, heights):
    return Previous.of(torch.full((1, 3, S, S), value), torch.full((1, 1, S, S), matte), points, heights)


def test_a_body_that_stands_still_takes_half_of_the_last_picture(standing):
    colour, matte = steady(torch.zeros(1, 3, S, S), torch.ones(1, 1, S, S), shown(1.0, 1.0, *standing), *standing)
    inner = colour[..., 2:-2, 2:-2]
    torch.testing.assert_close(inner, torch.full_like(inner, STEADINESS), atol=0.02, rtol=0)
    torch.testing.assert_close(matte[..., 2:-2, 2:-2], torch.ones_like(matte[..., 2:-2, 2:-2]), atol=0.02, rtol=0)


def test_no_colour_comes_from_where_nobody_was(standing):
    colour, matte = steady(torch.zeros(1, 3, S, S), torch.ones(1, 1, S, S), shown(1.0, 0.0, *standing), *standing)
    assert colour.abs().max() == 0
    assert matte[..., 2:-2, 2:-2].mean() == pytest.approx(1 - STEADINESS, abs=0.02)


def test_nothing_is_taken_from_what_is_not_trusted(standing):
    before = nothing_before(*standing, S)
    colour, matte = steady(torch.full((1, 3, S, S), 0.3), torch.full((1, 1, S, S), 0.6), before, *standing)
    torch.testing.assert_close(colour, torch.full_like(colour, 0.3))
    torch.testing.assert_close(matte, torch.full_like(matte, 0.6))


def test_a_leap_takes_nothing_from_the_last_picture(standing):
    points, heights = standing
    before = shown(1.0, 1.0, points + 0.3 * heights, heights)
    colour, _ = steady(torch.zeros(1, 3, S, S), torch.ones(1, 1, S, S), before, points, heights)
    assert colour.abs().max() < 0.01


def test_trembling_averages_out(standing):
    noise = torch.Generator().manual_seed(0)
    raw = [torch.randn(1, 3, S, S, generator=noise) for _ in range(12)]
    last, calm = None, []
    for picture in raw:
        colour, matte = picture, torch.ones(1, 1, S, S)
        if last is not None:
            colour, matte = steady(colour, matte, last, *standing)
        last = Previous.of(colour, matte, *standing)
        calm.append(colour)
    change = [(b - a)[..., 2:-2, 2:-2].std() for a, b in pairwise(calm[4:])]
    # x_t = (1 - a) n_t + a x_t-1 changes by sqrt(2 / (1 + a)) (1 - a) deviations of the noise; resampling adds blur.
    assert torch.stack(change).mean() < 1.05 * (1 - STEADINESS) * (2 / (1 + STEADINESS)) ** 0.5


def test_pose_maps_come_at_half_the_size(subject):
    points, seen = torch.from_numpy(subject.motion.points[:2]), torch.from_numpy(subject.motion.visibility[:2])
    maps = conditioning(points, seen, S)
    assert maps.shape == (2, MAPS, S // 2, S // 2)
    assert maps.min() >= 0
    assert maps.max() <= 1
