from __future__ import annotations

import pytest
import torch

from vidgan.nets.repair import PoseOnlyGenerator, RepairGenerator, UNet

MAPS, K = 7, 4


def inputs(size=32, batch=2, k=K, seed=0):
    """maps, plate, colour, matte, confidence."""
    rng = torch.Generator().manual_seed(seed)

    def values(*shape):
        return torch.rand(shape, generator=rng)

    return (
        values(batch, MAPS, size // 2, size // 2), values(batch, 3, size, size) * 2 - 1,
        values(batch, k, 3, size, size) * 2 - 1, values(batch, k, size, size), values(batch, k, size, size),
    )  # fmt: skip


def made(kind, width=8, depth=2, seed=0):
    torch.manual_seed(seed)
    return kind(MAPS, K, width, depth)


@pytest.mark.parametrize("kind", [RepairGenerator, PoseOnlyGenerator])
@pytest.mark.parametrize(("size", "depth"), [(16, 1), (32, 2), (48, 3), (64, 1)])
def test_outputs_fit_the_inputs_at_any_size(kind, size, depth):
    out = made(kind, depth=depth)(*inputs(size))
    assert out.logits.shape == (2, K, size, size)
    assert out.colour.shape == (2, 3, size, size)
    assert out.matte.shape == (2, 1, size, size)
    assert out.colour.abs().max() <= 1
    assert all(torch.isfinite(value).all() for value in out)


def test_pictures_need_not_be_square():
    net = UNet(3, MAPS, 5, width=8, depth=2)
    assert net(torch.zeros(1, 3, 32, 48), torch.zeros(1, MAPS, 16, 24)).shape == (1, 5, 32, 48)


def test_a_new_generator_changes_next_to_nothing():
    out = made(RepairGenerator)(*inputs())
    for value in (out.logits, out.matte, out.colour):
        assert value.abs().max() < 0.25


def test_the_repair_generator_looks_at_everything():
    generator, given = made(RepairGenerator), inputs()
    before = generator(*given).logits
    for index, other in enumerate(inputs(seed=1)):
        changed = [*given[:index], other, *given[index + 1 :]]
        assert not torch.equal(generator(*changed).logits, before), index


def test_the_pose_only_generator_ignores_the_references():
    generator = made(PoseOnlyGenerator)
    maps, plate, colour, matte, confidence = inputs()
    _, _, other, other_matte, other_confidence = inputs(seed=1)
    other[:, -1] = colour[:, -1]  # the previous output stays
    before = generator(maps, plate, colour, matte, confidence)
    after = generator(maps, plate, other, other_matte, other_confidence)
    for one, two in zip(before, after, strict=True):
        assert torch.equal(one, two)
    colour[:, -1] += 0.5
    assert not torch.equal(generator(maps, plate, colour, matte, confidence).colour, before.colour)


def test_all_weight_of_the_pose_only_generator_goes_to_its_own_colour():
    weights = torch.softmax(made(PoseOnlyGenerator)(*inputs()).logits, 1)
    torch.testing.assert_close(weights[:, -1], torch.ones_like(weights[:, -1]))


def test_every_weight_learns():
    generator = made(RepairGenerator)
    out = generator(*inputs())
    sum(value.square().sum() for value in out).backward()
    silent = [name for name, value in generator.named_parameters() if value.grad is None]
    assert not silent
    assert all(torch.isfinite(value.grad).all() for value in generator.parameters())


@pytest.mark.parametrize("kind", [RepairGenerator, PoseOnlyGenerator])
def test_a_picture_does_not_depend_on_its_batch(kind):
    generator, given = made(kind).eval(), inputs(batch=3)
    together = generator(*given)
    alone = generator(*(value[1:2] for value in given))
    for one, two in zip(together, alone, strict=True):
        torch.testing.assert_close(one[1:2], two, atol=1e-5, rtol=1e-4)
