from __future__ import annotations

import platform
import subprocess
import sys

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


LARGE_BLOCKS = """
import resource, torch
from vidgan.train.engine import keep_freed_memory
{asked}
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)  # 64 MB, given back at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(sorted(faults() for _ in range(9))[4])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library keeps memory its own way")
@pytest.mark.parametrize(("asked", "kept"), [("", False), ("keep_freed_memory()", True)])
def test_pages_of_freed_blocks_are_used_again_when_asked(asked, kept):
    command = [sys.executable, "-c", LARGE_BLOCKS.format(asked=asked)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert (int(done.stdout) < 2**24 * 4 / 4096 / 4) == kept
