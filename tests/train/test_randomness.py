from __future__ import annotations

import torch

from vidgan.train.randomness import generator


def numbers(*counters):
    return torch.rand(8, generator=generator(*counters)).tolist()


def test_draws_depend_on_the_counters_alone():
    torch.manual_seed(1)
    first = numbers("train", 0, 0, 5)
    torch.manual_seed(2)
    torch.rand(3)
    assert numbers("train", 0, 0, 5) == first


def test_every_counter_counts():
    draws = [numbers(*c) for c in (("train", 0, 0), ("train", 0, 1), ("train", 1, 0), ("test", 0, 0), ("train", 0))]
    assert len({tuple(draw) for draw in draws}) == len(draws)


def test_the_global_generator_is_left_alone():
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    numbers("train", 0, 0)
    assert torch.equal(torch.rand(4), wanted)
