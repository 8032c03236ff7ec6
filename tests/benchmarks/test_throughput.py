from __future__ import annotations

import time

import torch
from click.testing import CliRunner

from benchmarks import throughput
from tests.tasks.squares import settings


def test_help_says_the_options_and_the_module_its_command():
    result = CliRunner().invoke(throughput.main, ["--help"])
    assert result.exit_code == 0
    assert "--json" in result.output
    assert f"python -m {throughput.__name__}" in throughput.__doc__


def test_the_outermost_call_counts(monkeypatch):
    """On a clock that ticks a second at every look."""
    ticks = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    watch = throughput.Stopwatch(torch.device("cpu"))
    inner = watch.over(lambda: 3)
    assert watch.over(lambda: inner() + inner())() == 6
    assert watch.seconds == 1
    assert inner() == 3
    assert watch.seconds == 2


def test_operations_of_convolutions_are_counted_forward_and_backward():
    weight = torch.zeros(4, 3, 3, 3, requires_grad=True)
    pictures = torch.zeros(2, 3, 8, 8, requires_grad=True)
    once = 2 * 2 * 4 * 8 * 8 * 3 * 3 * 3
    with throughput.Operations() as forward:
        made = torch.nn.functional.conv2d(pictures, weight, padding=1)
    assert forward.total == once
    with throughput.Operations() as backward:
        made.sum().backward()
    assert backward.total == 2 * once


def test_made_up_clips_fit_the_configuration():
    config = settings()
    clips = throughput.made_up_clips(config)
    assert len(clips.classes) == 4
    assert clips.size == config.clips.size
    assert len(clips.held()) == 1
    assert len(clips.train().windows(config.clips.frames, config.clips.stride)) > 0


def test_a_row_says_rate_share_and_operations(monkeypatch):
    monkeypatch.setattr(throughput, "convolution_rate", lambda *args: 100.0)
    tiny = ("generator.width=0.0625", "critic.width=8", "batch=4", "precision=32-true", "regularisers.interval=1")
    row = throughput.measure("tiny", 2, "cpu", tiny)
    assert row["steps/s"] > 0
    assert row["clips/s"] == row["steps/s"] * 4
    assert 0 < float(row["networks"].removesuffix(" %")) <= 100
    assert row["GFLOP/s"] == row["GFLOP/step"] * row["steps/s"] > 0
