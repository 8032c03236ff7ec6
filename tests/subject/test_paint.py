from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from tests.subject.sticks import pose_of, references_of, stick_subject
from vidgan.nets.repair import Repair, RepairGenerator
from vidgan.pose.rasterise import MAPS
from vidgan.subject.draft import blended, composite, flows, warp_references
from vidgan.subject.paint import (
    SIMILAR,
    STEADINESS,
    STRANGE,
    Previous,
    doubted,
    finer,
    held,
    nothing_before,
    paint,
    pull,
    repair,
    resized,
    steady,
    with_previous,
    with_slot,
)
from vidgan.subject.rig import BODY

S = 32


@pytest.fixture(scope="module")
def subject():
    return stick_subject(12)


@pytest.fixture
def warped(subject):
    pose = pose_of(subject, 4, [2, 7, 10])
    references = references_of(subject, [2, 7, 10])
    return warp_references(references, flows(pose, references, S), S)


@pytest.fixture
def plate():
    return torch.linspace(-1, 1, S).expand(1, 3, S, S).contiguous()


def change(logit=0.0, own=0.0, colour=0.0, matte=-20.0, size=S):
    """A generator's output: `logit` for the first reference, `own` for its own picture's colour and matte (a logit)."""
    logits = torch.zeros(1, 4, size, size)
    logits[:, 0], logits[:, -1] = logit, own
    return Repair(logits, torch.full((1, 3, size, size), colour), torch.full((1, 1, size, size), matte))


def test_a_new_generator_gives_mostly_the_draft(warped, plate):
    colour, matte = blended(warped)
    wanted = composite(colour, matte, plate)
    painted = paint(change(), warped, plate, BODY)
    assert (painted.picture - wanted).abs().mean() < 0.3 * (plate - wanted).abs().mean()
    torch.testing.assert_close(painted.matte, matte * (1 - painted.weights[:, -1:]), atol=1e-4, rtol=0)


def test_the_weights_sum_to_one(warped, plate):
    painted = paint(change(1.0, 0.5), warped, plate, BODY)
    torch.testing.assert_close(painted.weights.sum(1), torch.ones(1, S, S))


def test_all_weight_on_a_reference_gives_its_pixels(warped, plate):
    painted = paint(change(logit=60.0), warped, plate, BODY)
    wanted = warped.matte[:, :1] * warped.colour[:, 0] + (1 - warped.matte[:, :1]) * plate
    torch.testing.assert_close(painted.picture, wanted, atol=1e-3, rtol=0)


def test_colour_and_matte_are_averaged_with_the_same_weights(warped, plate):
    painted = paint(change(own=2.0, colour=0.3, matte=20.0), warped, plate, BODY)
    *references, own = painted.weights[0]
    torch.testing.assert_close(
        painted.matte[0, 0], sum(w * m for w, m in zip(references, warped.matte[0], strict=True)) + own
    )
    reds = sum(w * c[0] for w, c in zip(references, warped.colour[0], strict=True))
    torch.testing.assert_close(painted.colour[0, 0], reds + 0.3 * own)


def test_the_own_picture_stands_beside_what_is_shown(warped, plate):
    painted = paint(change(own=-60.0, colour=0.3, matte=0.0), warped, plate, BODY)
    torch.testing.assert_close(painted.own, 0.5 * 0.3 + 0.5 * plate, atol=1e-6, rtol=0)


def test_an_own_picture_of_nobody_does_not_count_along_the_bones(warped, plate):
    """As of a limb that it does not know, in a pose that it was not trained on."""
    core = (warped.core > 0.9)[0, 0] & (warped.matte[0].amin(0) > 0.9)
    assert core.sum() > 5
    outs = (doubted(change(own=3.0, matte=matte), warped.core, 1, 0) for matte in (-20.0, 20.0))
    nobody, there = (paint(out, warped, plate, BODY) for out in outs)
    assert nobody.weights[0, -1][core].max() < 1e-6
    assert nobody.matte[0, 0][core].min() > 0.85
    assert there.weights[0, -1][core].min() > 0.5
    away = (warped.core == 0)[0, 0]
    torch.testing.assert_close(nobody.weights[0, :, away], there.weights[0, :, away])


@pytest.mark.parametrize("times", [1, 4])
def test_an_own_picture_counts_as_much_less_as_the_references_are_finer(warped, plate, times):
    """Against all references together."""
    away = torch.zeros_like(warped.core)
    shown = [paint(doubted(change(), away, finest, 0), warped, plate, BODY).weights for finest in (0.5, times)]
    before, after = (weights[:, -1] / weights[:, :-1].sum(1) for weights in shown)
    torch.testing.assert_close(after, before / times)


def test_an_own_picture_counts_less_the_farther_the_pose_is_from_those_known(warped, plate):
    away = torch.zeros_like(warped.core)
    near, far = (paint(doubted(change(), away, 1, far), warped, plate, BODY).weights for far in (0, 2 * STRANGE))
    ratio = (far[:, -1] / far[:, :-1].sum(1)) / (near[:, -1] / near[:, :-1].sum(1))
    torch.testing.assert_close(ratio, torch.full_like(ratio, math.exp(-2)))


@pytest.mark.parametrize("apart", [0.0, 0.3, 2.0])
def test_as_far_as_they_agree_the_own_picture_takes_the_references_detail(apart):
    rows = torch.arange(2 * S) % 2
    stripes = (0.2 * rows - 0.1).expand(1, 3, 2 * S, 2 * S)  # too fine for S pixels, even at their size
    own = torch.full_like(stripes, apart)
    wanted = own + math.exp(-apart / SIMILAR) * stripes
    torch.testing.assert_close(finer(own, stripes, S), wanted, atol=1e-6, rtol=0)


def test_at_the_networks_own_size_the_references_have_no_finer_detail(warped, plate):
    painted = paint(change(own=60.0, colour=0.3, matte=20.0), warped, plate, BODY)
    torch.testing.assert_close(painted.picture, torch.full_like(plate, 0.3), atol=1e-3, rtol=0)


def test_beyond_the_columns_the_own_picture_shows_nobody(warped, plate):
    generator, inner = RepairGenerator(MAPS, 4, 8, 1).eval(), slice(8, 24)
    maps = torch.zeros(1, MAPS, S // 2, S // 2)
    seen = with_slot(warped, torch.zeros(1, 3, S, S), torch.zeros(1, 1, S, S), torch.zeros(1, 1, S, S))
    out = repair(generator, maps, inner, plate, seen)
    assert torch.sigmoid(out.matte[..., inner]).min() > 0.1
    assert torch.sigmoid(torch.cat([out.matte[..., :8], out.matte[..., 24:]], -1)).max() < 1e-6
    assert torch.equal(out.logits[..., :8], out.logits[..., 8:9].expand(-1, -1, -1, 8))


def test_a_small_generator_paints_a_large_picture(subject, warped):
    large = 64
    pose = pose_of(subject, 4, [2, 7, 10])
    references = torch.nn.functional.interpolate(references_of(subject, [2, 7, 10])[0], (large, large))[None]
    sharp = warp_references(references, flows(pose, references, large), large)
    painted = paint(change(), sharp, torch.zeros(1, 3, large, large), BODY)
    assert painted.picture.shape == (1, 3, large, large)
    wanted = composite(*blended(sharp), torch.zeros(1, 3, large, large))
    assert (painted.picture - wanted).abs().mean() < 0.05


@pytest.fixture
def standing(subject):
    """A pose to stand in."""
    return torch.from_numpy(subject.motion.points[4:5]), torch.from_numpy(subject.motion.heights[4:5])


def before_in(pose, value=1.0, matte=1.0, size=S):
    """An even previous output in a pose."""
    return Previous.of(torch.full((1, 3, size, size), value), torch.full((1, 1, size, size), matte), *pose)


def inner(picture):
    return picture[..., 2:-2, 2:-2]


def test_before_the_first_frame_nothing_is_trusted(warped, standing):
    full = with_previous(warped, pull(nothing_before(*standing, S), *standing, S, BODY))
    assert full.colour.shape == (1, 4, 3, S, S)
    assert full.confidence[:, -1].max() == 0
    torch.testing.assert_close(full.colour[:, :-1], warped.colour)


def test_the_previous_output_in_the_same_pose_comes_back_as_it_was(warped, plate, standing):
    painted = paint(change(), warped, plate, BODY)
    pulled = pull(Previous.of(painted.colour, painted.matte, *standing), *standing, S, BODY)
    torch.testing.assert_close(inner(pulled.colour), inner(painted.colour), atol=5e-3, rtol=0)
    torch.testing.assert_close(inner(pulled.matte), inner(painted.matte), atol=5e-3, rtol=0)
    assert inner(pulled.confidence).min() > 0.9


def test_a_large_previous_output_is_seen_at_the_networks_size(standing):
    pulled = pull(before_in(standing, 0.4, size=2 * S), *standing, S, BODY)
    torch.testing.assert_close(inner(pulled.colour), torch.full_like(inner(pulled.colour), 0.4), atol=1e-4, rtol=0)


def test_what_the_next_frame_sees_can_be_cut_off_from_gradients(warped, plate, standing):
    out = change()
    out.matte.requires_grad_(True)
    painted = paint(out, warped, plate, BODY)
    before = Previous.of(painted.colour, painted.matte, *standing)
    assert before.picture.requires_grad
    assert not before.detached().picture.requires_grad


def test_a_body_that_stands_still_takes_its_share_of_the_last_picture(standing):
    pulled = pull(before_in(standing), *standing, S, BODY)
    now = (-1.0) ** torch.arange(S).expand(1, 3, S, S)
    colour, matte = steady(now, torch.ones(1, 1, S, S), pulled)
    torch.testing.assert_close(inner(colour), STEADINESS + (1 - STEADINESS) * inner(now), atol=0.02, rtol=0)
    torch.testing.assert_close(inner(matte), torch.ones_like(inner(matte)), atol=0.02, rtol=0)


def test_no_colour_comes_from_where_nobody_was(standing):
    pulled = pull(before_in(standing, matte=0.0), *standing, S, BODY)
    colour, matte = steady(torch.zeros(1, 3, S, S), torch.ones(1, 1, S, S), pulled)
    assert colour.abs().max() == 0
    assert inner(matte).mean() == 1  # somebody is there now, and all about


def test_no_ghost_stays_of_what_is_gone(standing):
    pulled = pull(before_in(standing), *standing, S, BODY)
    there = torch.zeros(1, 1, S, S)
    there[..., : S // 2] = 1
    _, matte = steady(torch.zeros(1, 3, S, S), there, pulled)
    assert matte[..., S // 2 + 2 :].max() == 0
    near = matte[0, 0, S // 2, S // 2]  # at the edge it may tremble, and is averaged
    assert float(near) == pytest.approx(STEADINESS, abs=0.05)


@pytest.mark.parametrize("size", [(31, 31), (64, 40), (300, 128)])
@pytest.mark.parametrize("cell", [1, 3, 4])
def test_a_last_picture_is_held_to_the_values_about_each_pixel(size, cell):
    now = torch.rand(1, 2, *size, generator=torch.Generator().manual_seed(cell))
    torch.testing.assert_close(held(now, now, cell), now)
    spot, middle = torch.zeros_like(now), torch.tensor(size) // 2
    spot[..., middle[0], middle[1]] = 1
    ghost = held(torch.full_like(now, 2.0), spot, cell)
    assert ghost.max() == 1
    reached = (ghost[0, 0].nonzero() - middle).abs()
    assert cell <= reached.max() < 3 * cell


def test_beyond_the_columns_of_the_person_nothing_is_taken(standing):
    size = 128
    points, heights = standing
    last = Previous.of(torch.ones(1, 3, size, size), torch.ones(1, 1, size, size), points, heights)
    pulled = pull(last, points, heights, size, BODY)
    assert pulled.inner == BODY.columns(points, size)
    assert 0 < pulled.inner.start < pulled.inner.stop < size
    colour, _ = steady(torch.zeros(1, 3, size, size), torch.rand(1, 1, size, size), pulled)
    beyond = [*range(pulled.inner.start), *range(pulled.inner.stop, size)]
    assert colour[..., beyond].abs().max() == 0
    assert pulled.matte[..., beyond].max() == pulled.confidence[..., beyond].max() == 0
    assert pulled.matte[..., pulled.inner].max() > 0.9
    small = resized(pulled, 32)
    assert (small.inner.start, small.inner.stop) == (pulled.inner.start // 4, pulled.inner.stop // 4)


def test_a_leap_takes_nothing_from_the_last_picture(standing):
    points, heights = standing
    pulled = pull(before_in((points + 0.3 * heights, heights)), points, heights, S, BODY)
    colour, _ = steady(torch.zeros(1, 3, S, S), torch.ones(1, 1, S, S), pulled)
    assert colour.abs().max() < 0.01


def test_trembling_averages_out(standing):
    noise = torch.Generator().manual_seed(0)
    last, calm = nothing_before(*standing, S), []
    for _ in range(12):
        raw = torch.randn(1, 3, S, S, generator=noise)
        colour, matte = steady(raw, torch.ones(1, 1, S, S), pull(last, *standing, S, BODY))
        last = Previous.of(colour, matte, *standing)
        calm.append(colour)
    change = [inner(b - a).std() for a, b in pairwise(calm[4:])]
    # x_t = (1 - a) n_t + a x_t-1 changes by sqrt(2 / (1 + a)) (1 - a) deviations of the noise; resampling adds blur.
    assert torch.stack(change).mean() < 1.05 * (1 - STEADINESS) * (2 / (1 + STEADINESS)) ** 0.5


def test_what_is_pulled_along_frame_by_frame_stays_sharp(standing):
    points, heights = standing
    stripes = torch.sin(torch.arange(S) * 2 * math.pi / 8).expand(1, 3, S, S)
    last = Previous.of(stripes, torch.ones(1, 1, S, S), points, heights)
    for _ in range(8):  # 8 steps of a third of a pixel, which smooth most where they end between pixels
        moved = last.points + torch.tensor([1 / 3 / S, 0])
        pulled = pull(last, moved, heights, S, BODY)
        last = Previous.of(pulled.colour, pulled.matte, moved, heights)
    assert float(inner(last.picture[:, :3]).std()) == pytest.approx(float(inner(stripes).std()), rel=0.1)
    assert last.picture.abs().max() <= 1


def test_pose_maps_come_at_half_the_size(subject):
    points, seen = torch.from_numpy(subject.motion.points[:2]), torch.from_numpy(subject.motion.visibility[:2])
    maps = BODY.conditioning(points, seen, S)
    assert maps.shape == (2, MAPS, S // 2, S // 2)
    assert maps.min() >= 0
    assert maps.max() <= 1


@pytest.mark.parametrize(("shape", "cell"), [((33, 40), 1), ((48, 32), 2), ((50, 47), 3), ((31, 122), 5)])
def test_what_a_last_picture_is_held_to_is_the_range_of_max_pooling(shape, cell):
    last, now = torch.randn(2, 2, 4, *shape, generator=torch.Generator().manual_seed(0)).unbind(0)

    def highest(values):
        cells = F.max_pool2d(F.max_pool2d(values, cell, ceil_mode=True), 3, 1, 1)
        return F.interpolate(cells, scale_factor=cell, mode="bilinear")[..., : shape[0], : shape[1]]

    wanted = last.clamp(-highest(-now), highest(now))
    torch.testing.assert_close(held(last, now, cell), wanted)
