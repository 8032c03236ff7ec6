from __future__ import annotations

import pytest
import torch

from vidgan.train.engine import choose_precision, launch


@pytest.mark.parametrize("asked", ["32-true", "bf16-mixed"])
def test_what_is_asked_is_taken(asked):
    assert choose_precision(asked, "cpu") == (asked, "as asked")


def test_the_precision_follows_the_hardware_and_says_why():
    precision, why = choose_precision("auto", "cpu")
    assert precision in ("bf16-mixed", "32-true")
    assert ("no bfloat16" in why) == (precision == "32-true")


def test_one_process_on_the_cpu():
    fabric = launch("cpu", "32-true")
    assert fabric.device == torch.device("cpu")
    assert fabric.world_size == 1
