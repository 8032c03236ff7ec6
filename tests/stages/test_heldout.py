from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from vidgan.metrics.frames import Box
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.heldout import HeldoutConfig, HeldoutStage, doubted, person_box
from vidgan.stages.train import WEIGHTS
from vidgan.subject.references import ReferenceConfig
from vidgan.subject.rig import BODY
from vidgan.tasks.repair import build_generator
from vidgan.train.checkpoint import save_network

REFERENCES = ReferenceConfig(count=2)


def run(subject, model, **settings):
    context = StageContext(subject, {"subject": subject, "model": model}, "cpu", 0, Silent())
    return HeldoutStage(HeldoutConfig(**{"references": REFERENCES} | settings)).run(context)


@pytest.fixture
def model_dir(tmp_path):
    """An untrained generator that was to hold out the last third."""
    torch.manual_seed(0)
    facts = {
        "network": "repair",
        "maps": BODY.maps,
        "references": 2,
        "width": 8,
        "depth": 1,
        "held_out": 1 / 3,
        "apart": 4,
    }
    save_network(tmp_path / WEIGHTS, build_generator("repair", BODY.maps, 2, 8, 1), facts)
    return tmp_path


def test_without_a_model_the_draft_stands_beside_the_baseline(stick_subject_dir):
    facts = run(stick_subject_dir, None, held_out=0.2)
    assert set(facts["heldout"]) == {"nearest pose", "draft"}
    assert facts["frames_held_out"] == 6
    assert facts["frames_used"] <= 24
    assert json.loads(json.dumps(facts)) == facts
    for scores in facts["heldout"].values():
        assert all(value is None or np.isfinite(value) for value in scores.values())
    assert facts["feature_network"]


def test_the_draft_is_nearer_the_truth_than_the_nearest_frame(stick_subject_dir):
    table = run(stick_subject_dir, None, held_out=0.2)["heldout"]
    assert table["draft"]["psnr"] > table["nearest pose"]["psnr"]


def test_a_model_gets_a_row_of_its_own_and_says_what_was_held_out(stick_subject_dir, model_dir):
    facts = run(stick_subject_dir, model_dir, held_out=0.2)
    assert set(facts["heldout"]) == {"nearest pose", "draft", "trained"}
    assert facts["frames_held_out"] == 10
    assert facts["frames_used"] == 16


def test_no_more_frames_are_made_than_asked(stick_subject_dir):
    assert run(stick_subject_dir, None, held_out=0.5, frames=3)["frames_held_out"] == 3


def test_the_box_is_the_persons_with_a_margin_inside_the_picture():
    mask = np.zeros((60, 40), np.uint8)
    assert person_box(mask) == Box(0, 0, 0, 0)
    mask[20:30, 15:18] = 255
    mask[0, 0] = 20  # not sure enough
    box = person_box(mask)
    assert box.left < 15 < 18 < box.right
    assert box.top < 20 < 30 < box.bottom
    mask[:, :] = 255
    assert person_box(mask) == Box(0, 0, 40, 60)


@pytest.mark.parametrize(("trained", "said"), [(0.94, False), (0.95, True), (0.96, True), (None, False)])
def test_a_training_that_does_no_better_than_the_draft_says_so(trained, said):
    found = doubted({"draft": {"perceptual": 0.95}, "trained": {"perceptual": trained}})
    assert bool(found) == said
    assert doubted({"draft": {"perceptual": 0.95}}) is None
