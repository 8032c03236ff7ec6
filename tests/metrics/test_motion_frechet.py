from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.metrics.moving import shuffled, swinging_discs
from vidgan.metrics.motion_frechet import MotionScore, frame_frechet, motion_frechet
from vidgan.metrics.video_features import VideoFeatureNetwork

HELD = swinging_discs(10, seed=1)[0]
REAL = swinging_discs(10, seed=2)[0]


@pytest.fixture(scope="module")
def score():
    return MotionScore(HELD)


def test_shuffled_frames_are_worse_in_motion_and_equal_in_frames(score):
    real, mixed = score(REAL), score(shuffled(REAL))
    assert mixed["motion_frechet"] > 2 * real["motion_frechet"]
    assert mixed["frame_frechet"] == pytest.approx(real["frame_frechet"], rel=1e-3)
    assert mixed["jitter_ratio"] > 1.1 * real["jitter_ratio"]


def test_the_held_out_clips_themselves_are_perfect(score):
    values = score(HELD)
    assert values["motion_frechet"] == pytest.approx(0, abs=0.02)
    ratios = {name: value for name, value in values.items() if name.endswith("ratio")}
    assert ratios == pytest.approx(dict.fromkeys(ratios, 1.0), rel=1e-3)


def test_the_wrong_pace_is_worse_in_motion(score):
    real = score(REAL)
    for pace in (0.15, 1.3):
        assert score(swinging_discs(10, seed=2, pace=pace)[0])["motion_frechet"] > 1.5 * real["motion_frechet"]


def test_one_clip_again_and_again_has_no_diversity(score):
    values = score(np.repeat(REAL[:1], 10, 0))
    assert values["appearance_diversity_ratio"] == 0
    assert values["movement_diversity_ratio"] == 0


def test_one_clip_of_each_class_has_no_diversity_within_classes():
    across, down = swinging_discs(10, seed=3, ways=("across",))[0], swinging_discs(10, seed=4, ways=("down",))[0]
    labels = torch.arange(2).repeat_interleave(5)
    score = MotionScore(np.concatenate([across[:5], down[:5]]), labels=labels)
    collapsed = np.repeat(np.stack([across[9], down[9]]), 5, 0)
    assert score(collapsed)["movement_diversity_ratio"] > 0.3
    assert score(collapsed, labels)["movement_diversity_ratio"] == 0


def test_classes_are_told_when_they_were_learnt():
    (held, labels), (train, which) = swinging_discs(10, seed=1), swinging_discs(12, seed=2)
    labels, which = torch.from_numpy(labels), torch.from_numpy(which)
    score = MotionScore(held, labels=labels)
    assert "class_accuracy" not in score(held, labels)
    score.learn_classes(train, which, 2)
    assert score(held, labels)["class_accuracy"] == 1
    assert score(held, 1 - labels)["class_accuracy"] == 0
    assert "class_accuracy" not in score(held)


def test_takes_tensors_and_is_deterministic(score):
    assert score(torch.from_numpy(REAL)) == score(REAL)


def test_is_the_distance_of_two_sets_of_features():
    network = VideoFeatureNetwork()
    held, real = network(HELD), network(REAL)
    values = MotionScore(HELD)(REAL)
    assert values["motion_frechet"] == pytest.approx(motion_frechet(real, held))
    assert values["frame_frechet"] == pytest.approx(frame_frechet(real, held))
