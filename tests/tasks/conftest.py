from __future__ import annotations

import pytest

from tests.subject.sticks import stick_subject
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.engine import launch


@pytest.fixture(scope="session")
def subject():
    """30 frames of a stick person at 32 pixels."""
    return stick_subject(30)


@pytest.fixture
def make_task(subject):
    """A task as small as it gets, with everything on from the second step; keywords change its settings."""

    def make(seed=0, **settings):
        defaults = {
            "steps": 6, "evaluations": 2, "checkpoint_seconds": 0, "width": 8, "depth": 1, "batch": 2, "rollout": 3,
            "adversarial_start": 0.0, "adversarial_ramp": 0.3, "references": ReferenceConfig(count=2),
            "examples": ExampleConfig(apart=3), "precision": "32-true", "perceptual": "efficientnet-lite0",
        }  # fmt: skip
        config = RepairConfig(**defaults | settings)
        footage = BodyFootage(subject, config.held_out, config.references, config.examples)
        return RepairTask(footage, config, launch("cpu", "32-true"), seed)

    return make
