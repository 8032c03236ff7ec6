from __future__ import annotations

import math
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.train.walks import STATE, Walk, rows, same
from vidgan.errors import TrainingError
from vidgan.progress import Silent
from vidgan.train import loop
from vidgan.train.checkpoint import load_checkpoint
from vidgan.train.loop import LoopConfig, fraction_done, train

ROOT = Path(__file__).resolve().parents[2]


def config(steps=12, **more):
    return LoopConfig(steps=steps, evaluations=4, checkpoint_seconds=0, **more)


class Stopped(Exception):
    pass


def stop_at(step):
    def trap(now):
        if now == step:
            raise Stopped

    return trap


def trained(folder, task=None, settings=None, previous=None, progress=None):
    return train(task or Walk(), settings or config(), folder, progress or Silent(), previous)


def place_after(steps):
    """Where a walk is that nobody interrupts."""
    walk = Walk()
    for step in range(steps):
        walk.step(step, 0.0)
    return walk.place


@pytest.fixture
def whole(tmp_path):
    """An uninterrupted run."""
    trained(tmp_path / "whole")
    return tmp_path / "whole"


def without_clock(folder, name):
    state = load_checkpoint(folder / name)
    state.get("run", {}).pop("elapsed", None)
    return state


def assert_as(whole, cut):
    for name in STATE:
        same(without_clock(whole, name), without_clock(cut, name))
    assert rows(cut) == rows(whole)


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 5, 9, 11])
def test_an_interrupted_run_ends_like_an_uninterrupted_one(tmp_path, whole, step):
    cut = tmp_path / "cut"
    with pytest.raises(Stopped):
        trained(cut, Walk(trap=stop_at(step)))
    progress = Silent()
    run, _ = trained(cut, progress=progress)
    assert run.step == 12
    assert bool(progress.notes) == (step > 0)
    assert_as(whole, cut)


def test_a_run_interrupted_again_and_again_does_too(tmp_path, whole):
    cut = tmp_path / "cut"
    for step in (2, 5, 6, 10):
        with pytest.raises(Stopped):
            trained(cut, Walk(trap=stop_at(step)))
    trained(cut)
    assert_as(whole, cut)


def test_a_run_killed_between_two_checkpoints_takes_the_steps_again(tmp_path, whole):
    """The checkpoint of step 4 is older than the last evaluation, at step 6."""
    cut = tmp_path / "cut"
    with pytest.raises(Stopped):
        trained(cut, Walk(trap=stop_at(4)))
    kept = (cut / "checkpoint.pt").read_bytes()
    with pytest.raises(Stopped):
        trained(cut, Walk(trap=stop_at(8)))
    (cut / "checkpoint.pt").write_bytes(kept)
    trained(cut)
    assert_as(whole, cut)


def test_a_process_killed_in_the_middle_goes_on_from_its_checkpoint(tmp_path, whole):
    script = f"""
import os, signal
from pathlib import Path
from tests.train.walks import Walk
from vidgan.progress import Silent
from vidgan.train.loop import LoopConfig, train
def trap(step):
    if step == 7:
        os.kill(os.getpid(), signal.SIGKILL)
train(Walk(trap=trap), LoopConfig(steps=12, evaluations=4, checkpoint_seconds=0), Path({str(tmp_path / "cut")!r}), Silent())
"""  # noqa: E501
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    trained(tmp_path / "cut")
    assert_as(whole, tmp_path / "cut")


def test_a_finished_run_is_not_trained_on(whole):
    task = Walk()
    run, _ = trained(whole, task)
    assert run.step == 12
    assert not task.fractions


def test_a_larger_budget_carries_on(tmp_path, whole):
    small = tmp_path / "small"
    trained(small, settings=config(5))
    before = {name: (small / name).read_bytes() for name in STATE}
    progress, task = Silent(), Walk()
    run, _ = trained(tmp_path / "large", task, previous=small, progress=progress)
    assert run.step == 12
    assert len(task.fractions) == 7
    assert "step 5" in progress.notes[0]
    same(without_clock(whole, "checkpoint.pt")["task"], without_clock(tmp_path / "large", "checkpoint.pt")["task"])
    assert before == {name: (small / name).read_bytes() for name in STATE}


def test_a_run_that_carries_on_and_is_interrupted_goes_on_from_itself(tmp_path):
    small, large = tmp_path / "small", tmp_path / "large"
    trained(small, settings=config(5))
    with pytest.raises(Stopped):
        trained(large, Walk(trap=stop_at(9)), previous=small)
    task = Walk()
    trained(large, task, previous=small)
    assert len(task.fractions) == 3


def test_the_best_state_of_the_smaller_budget_stays_best(tmp_path):
    """It was at step 5; nothing after it is better."""
    small, large = tmp_path / "small", tmp_path / "large"
    trained(small, Walk(low=5), config(5))
    run, best = trained(large, Walk(low=5), previous=small)
    assert run.best_step == 5
    same(best, load_checkpoint(small / "best.pt"))


def test_the_best_state_is_kept_not_the_last(tmp_path):
    run, best = trained(tmp_path, Walk(low=6))
    assert (run.best_step, run.best_score) == (6, 0.0)
    assert torch.equal(best["place"], place_after(6))


class Scored(Walk):
    """Its scores are given, one for each evaluation."""

    def __init__(self, *scores):
        super().__init__()
        self.scores = list(scores)

    def evaluate(self):
        return {"score": self.scores.pop(0)}


@pytest.mark.parametrize(
    ("scores", "tolerance", "kept", "lowest"),
    [
        ((3.0, 1.0, 1.05, 1.2), 0.1, 9, 1.0),  # hardly worse, and too much
        ((3.0, 1.0, 1.05, 1.2), 0.0, 6, 1.0),
        ((1.0, 1.09, 1.18, 1.27), 0.1, 6, 1.0),  # each hardly worse than the one before, not than the lowest
        ((1.0, 1.1, 1.5, 1.09), 0.1, 12, 1.0),
        ((2.0, 2.0, 2.0, 2.0), 0.0, 3, 2.0),
        ((-5.0, -5.05, -3.0, -5.0), 0.02, 12, -5.05),
        ((math.nan, 2.0, math.nan, 2.5), 0.1, 6, 2.0),
    ],
)
def test_the_last_state_within_the_tolerance_of_the_lowest_score_is_kept(tmp_path, scores, tolerance, kept, lowest):
    run, best = trained(tmp_path, Scored(*scores), config(tolerance=tolerance))
    assert (run.best_step, run.best_score) == (kept, lowest)
    assert torch.equal(best["place"], place_after(kept))


@pytest.mark.parametrize("cut", [7, 10])
def test_an_interrupted_run_keeps_within_the_tolerance_of_what_it_had(tmp_path, cut):
    """The lowest score is at step 6, what is kept is of step 9: neither is lost by a cut after it."""
    settings = config(tolerance=4.1)
    whole, one = trained(tmp_path / "whole", Walk(low=6.5), settings)
    with pytest.raises(Stopped):
        trained(tmp_path / "cut", Walk(low=6.5, trap=stop_at(cut)), settings)
    again, two = trained(tmp_path / "cut", Walk(low=6.5), settings)
    assert (again.best_step, again.best_score) == (whole.best_step, whole.best_score) == (9, 0.5)
    same(one, two)


def test_a_larger_budget_keeps_within_the_tolerance_of_the_smaller_ones_lowest(tmp_path):
    """Which scored 0.5 at step 6 and keeps 2.5 of step 9; 5.5 at step 12 is too much beside the first."""
    small, large = tmp_path / "small", tmp_path / "large"
    trained(small, Walk(low=6.5), LoopConfig(steps=9, evaluations=3, tolerance=4.1))
    run, best = trained(large, Walk(low=6.5), config(tolerance=4.1), previous=small)
    assert (run.best_step, run.best_score) == (9, 0.5)
    same(best, load_checkpoint(small / "best.pt"))


def test_fractions_count_the_steps(tmp_path):
    task = Walk()
    trained(tmp_path, task, config(4))
    assert task.fractions == [0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(("steps", "evaluations", "looks"), [(12, 4, 4), (3, 6, 3), (5, 1, 1), (7, 3, 3)])
def test_it_looks_as_often_as_asked_and_always_at_the_end(tmp_path, steps, evaluations, looks):
    trained(tmp_path, settings=LoopConfig(steps=steps, evaluations=evaluations))
    seen = [row["step"] for row in rows(tmp_path)]
    assert len(seen) == looks
    assert seen[-1] == steps
    assert len(list((tmp_path / "previews").glob("*.jpg"))) == looks


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_state(tmp_path, bad):
    with pytest.raises(TrainingError) as caught:
        trained(tmp_path, Walk(loss=lambda step: bad if step == 5 else 1.0))
    text = str(caught.value)
    assert "\n" not in text
    assert "step 5" in text
    assert "loss" in text
    good = Walk()
    for step in range(5):
        good.step(step, 0.0)
    state = load_checkpoint(tmp_path / "checkpoint.pt")
    assert state["run"]["step"] == 5
    assert torch.equal(state["task"]["place"], good.place)


def test_a_damaged_checkpoint_is_said_not_trained_over(tmp_path, whole):
    (whole / "checkpoint.pt").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(TrainingError, match="damaged"):
        trained(whole)


def test_a_budget_in_seconds_counts_training_over_interruptions(tmp_path, monkeypatch):
    """On a clock that ticks a second at every look, a step takes one second."""
    now = iter(range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(now)))
    settings = LoopConfig(budget=8, evaluations=2, checkpoint_seconds=0)
    with pytest.raises(Stopped):
        trained(tmp_path, Walk(trap=stop_at(3)), settings)
    task = Walk()
    run, _ = trained(tmp_path, task, settings)
    assert (run.step, run.elapsed) == (8, 8.0)
    assert task.fractions == [step / 8 for step in range(3, 8)]
    assert fraction_done(run, settings) == 1


def test_progress_counts_to_the_whole(tmp_path):
    class Watch(Silent):
        done, total = 0.0, None

        def start(self, label, total, unit="frames", done=0.0):
            self.total, self.done = total, done

        def advance(self, amount=1, **info):
            self.done += amount

    for settings in (config(6), LoopConfig(budget=0.02)):
        progress = Watch()
        trained(tmp_path / str(settings.steps), settings=settings, progress=progress)
        assert progress.done == pytest.approx(progress.total)
