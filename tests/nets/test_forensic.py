import numpy as np
import pytest
import torch

from vidgan.nets.forensic import BANDS, BODY, FACE, FACES, GROUND, SMALL, STATISTICS, TraceDetector, kinds


def bag(seed=0, side=32, places=GROUND + FACE):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (2, places, 3, side, side))).float()


def awake(seed=0):
    """A tiny detector whose last layers are not zero, scaled by some bags."""
    torch.manual_seed(seed)
    network = TraceDetector(4)
    for layer in (network.ground[-1], network.motion, network.face, network.small[-1]):
        torch.nn.init.normal_(layer.weight)
    network.scaled_by(network.statistics(bag(9)))
    return network.eval()


def test_statistics_of_a_wave_are_in_its_band():
    columns = 40 * torch.cos(torch.pi / 64 * (torch.arange(64) + 0.5) * 20) + 100
    found = TraceDetector().statistics(columns.expand(1, 1, 3, 64, 64))
    assert found.shape == (1, 1, STATISTICS)
    spectrum, changes = found[0, 0, :BANDS], found[0, 0, BANDS : 3 * BANDS]
    assert spectrum.argmax() == 20 * BANDS // 64
    assert spectrum.sort().values[-2] < -3
    torch.testing.assert_close(changes, torch.full((2 * BANDS,), float(np.log(0.02))))


def test_noise_that_stands_still_differs_from_new_noise():
    noise = torch.randn(1, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 3 + 100
    network = TraceDetector()
    new, still = network.statistics(noise)[0, 0], network.statistics(noise[:, :, :1].expand(-1, -1, 3, -1, -1))[0, 0]
    torch.testing.assert_close(new[:BANDS], still[:BANDS], atol=0.3, rtol=0)
    again = 3 * BANDS + 5  # the residuals' correlation from frame to frame
    assert still[again] == pytest.approx(1, abs=1e-3)
    assert abs(new[again]) < 0.1
    assert new[again - 1] < 0.3  # the share that stands still
    assert still[again - 1] == pytest.approx(1)


def test_a_flat_patch_leaves_no_trace_and_an_absent_one_no_number():
    flat = torch.full((1, 2, 3, 32, 32), 90.0)
    flat[:, 1] = 0
    found = TraceDetector().statistics(flat)
    assert torch.isfinite(found).all()
    assert found[0, 0, :BANDS].max() == pytest.approx(np.log(0.02), abs=1e-3)
    assert not found[0, 1].any()


def test_scaling_gives_mean_0_and_deviation_1_where_patches_are():
    network = TraceDetector()
    some = torch.from_numpy(np.random.default_rng(0).normal(5, 3, (1000, GROUND + FACE, STATISTICS))).float()
    some[:500, GROUND:] = 0
    some[::4, [1, 3]], some[500::4, GROUND + 2] = 0, 0
    network.scaled_by(some)
    torch.testing.assert_close(
        network.ground_scale, torch.tensor([[5.0], [3.0]]).expand(2, STATISTICS), atol=0.3, rtol=0
    )
    mean, deviation = network.face_scale
    assert mean.abs().max() < 1
    wanted = 3 * np.sqrt(np.r_[[1 - 1 / FACE] * FACE, [1 + 1 / FACE] * GROUND])  # of the differences
    torch.testing.assert_close(
        deviation, torch.from_numpy(wanted).float()[:, None].expand(-1, STATISTICS), atol=0.5, rtol=0
    )


def test_a_body_is_judged_by_its_patches_that_are_not_dark():
    network, some = awake(), bag()
    some[:, GROUND:] = 0
    some[:, 1], some[:, 3] = some[:, 0], some[:, 2]
    dark = some.clone()
    dark[:, [1, 3]] = 0
    torch.testing.assert_close(network(dark), network(some))
    dark[:, :GROUND] = 0
    assert torch.isfinite(network(dark)).all()


@pytest.mark.parametrize("dark", [[0], [0, 1], [0, 1, 2, 3], [GROUND], [GROUND, GROUND + 5], [1, GROUND + 3]])
def test_dark_patches_make_no_difference_within_a_face_film(dark):
    network, some = awake(), bag()
    network.face_scale[:] = torch.tensor([0.0, 1.0])[:, None, None]
    some[:] = some[:, :1]  # all alike: nothing differs but what is dark
    expected = network(some)
    some[:, dark] = 5
    assert kinds(network.statistics(some)).tolist() == [FACES] * 2
    torch.testing.assert_close(network(some), expected)


def test_a_film_that_differs_alike_everywhere_is_judged_alike():
    network = awake()
    some = network.statistics(bag())
    torch.testing.assert_close(network.judge(some + 0.3), network.judge(some), atol=0.02, rtol=0)


def test_new_ones_say_nothing():
    assert TraceDetector()(bag()).abs().max() == 0


def test_the_ground_is_what_moves_and_the_rest_and_the_face_has_an_order():
    network, some = awake(), bag()
    assert (
        network(some[:, [0, 1, 2, 3, *range(GROUND + FACE - 1, GROUND - 1, -1)]]) - network(some)
    ).abs().max() > 1e-4
    some[:, GROUND:] = 0
    face = range(GROUND, GROUND + FACE)
    torch.testing.assert_close(network(some[:, [1, 0, 3, 2, *face]]), network(some))
    assert (network(some[:, [2, 3, 0, 1, *face]]) - network(some)).abs().max() > 1e-4


def small():
    """Bags of a picture that has room for one patch."""
    some = bag()
    some[:, 1:GROUND], some[:, GROUND:] = some[:, :1], 0
    return some


def test_a_bag_is_of_a_body_a_face_or_a_small_picture():
    faced, body, one = bag(), bag(), small()
    body[:, GROUND:] = 0
    found = [kinds(TraceDetector().statistics(some)).tolist() for some in (body, faced, one)]
    assert found == [[BODY] * 2, [FACES] * 2, [SMALL] * 2]
    assert kinds(torch.zeros(1, GROUND + FACE, STATISTICS)) == BODY  # a dark moment


def test_small_pictures_have_a_part_of_their_own():
    network, body, one = awake(), bag(), small()
    body[:, GROUND:] = 0
    before = network(torch.cat([body, one])).detach()
    with torch.no_grad():
        network.small[-1].bias += 7
    torch.testing.assert_close(network(torch.cat([body, one])).detach() - before, torch.tensor([0.0, 0, 7, 7]))


def test_without_a_face_the_ground_speaks_and_with_one_the_face():
    network, some = awake(), bag()
    some[0, GROUND:] = 0
    expected = network(some)
    with torch.no_grad():
        network.face.bias += 7
    assert torch.equal(network(some)[0], expected[0])
    assert float(network(some)[1].detach() - expected[1].detach()) == pytest.approx(7, abs=1e-4)


def test_gradients_reach_the_pixels():
    some = bag().requires_grad_(True)
    awake()(some).sum().backward()
    assert torch.isfinite(some.grad).all()
    assert (some.grad.flatten(2).abs().max(2).values > 0).all()


def test_each_kind_has_its_calibration():
    network, some = awake(), torch.cat([bag(), small(), bag(1)])
    some[4:, GROUND:] = 0
    before = network(some).detach()
    network.calibration[[BODY, FACES, SMALL]] = torch.tensor([[2.0, -1.0], [3.0, 0.0], [0.5, 4.0]])
    wanted = torch.cat([3 * before[:2], 0.5 * before[2:4] + 4, 2 * before[4:] - 1])
    torch.testing.assert_close(network(some).detach(), wanted)


def test_the_likelihood_is_of_the_mean():
    assert float(awake().likelihood(torch.tensor([1.0, 3.0]))) == pytest.approx(1 / (1 + np.exp(-2.0)))
