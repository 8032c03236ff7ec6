"""The scores on real people, where they are there: real against real, shuffled, and the change each action brings."""

from __future__ import annotations

import pytest
import torch

from vidgan.clips.config import ClipConfig
from vidgan.clips.prepare import prepare_clips
from vidgan.metrics.change import inter_frame_change, per_class
from vidgan.metrics.class_accuracy import ActionClassifier
from vidgan.metrics.motion_frechet import MotionScore
from vidgan.progress import Silent
from vidgan.runs.choose import shuffled, spread_windows

CHANGE = {"wave1": 2.1, "wave2": 2.9, "jack": 5.8, "bend": 2.3}


@pytest.fixture(scope="module")
def sides(data_dir, tmp_path_factory):
    """32 windows of five people and 32 of two others, who were held out."""
    config = ClipConfig(label=r"_(\w+)\.png", group=r"^(s\d+)_", held_groups=("s5", "s6"))
    clips = prepare_clips(data_dir / "clips" / "weizmann", config, tmp_path_factory.mktemp("weizmann"), Silent())
    return [spread_windows(side, 32, 16, 1, seed=0) for side in (clips.train(), clips.held())]


@pytest.fixture(scope="module")
def score(sides):
    return MotionScore(sides[1].frames)


def test_real_people_are_much_nearer_to_others_than_shuffled_ones(sides, score):
    real, mixed = score(sides[0].frames), score(shuffled(sides[0].frames, 0))
    assert mixed["motion_frechet"] > 5 * real["motion_frechet"]
    assert mixed["frame_frechet"] == pytest.approx(real["frame_frechet"], rel=1e-3)
    assert real["movement_diversity_ratio"] > 0.6


def test_each_action_changes_as_much_as_is_known(sides):
    train = sides[0]
    found = per_class(inter_frame_change(train.frames), torch.from_numpy(train.labels), train.classes)
    assert found == pytest.approx(CHANGE, rel=0.25)


def test_actions_of_people_never_seen_are_told(sides, score):
    train, held = sides
    judge = ActionClassifier(score.network(train.frames).action, torch.from_numpy(train.labels), 4)
    assert judge.accuracy(score.held.action, torch.from_numpy(held.labels)) > 0.85
