"""What a generator knows before it has seen its subject."""

from __future__ import annotations

import pytest

from tests.subject.sticks import stick_subject
from tests.subject.takes import write_takes
from vidgan import resources
from vidgan.errors import DependencyError, TrainingError
from vidgan.resources import shipped_prior
from vidgan.stages.train import TrainStage
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.takes import TakeFootage, Takes
from vidgan.tasks import prior
from vidgan.tasks.prior import load_prior
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.checkpoint import read_network
from vidgan.train.engine import launch


@pytest.fixture(scope="module")
def footage():
    """A body that no prior has met."""
    config = RepairConfig()
    return BodyFootage(stick_subject(40), config.held_out, config.references, ExampleConfig(apart=3))


def test_it_says_what_a_run_starts_from(footage):
    steps = read_network(shipped_prior("repair"))[1]["steps"]
    assert load_prior(RepairConfig(), footage).said == f"from what {steps} steps on rendered dancers taught"
    assert load_prior(RepairConfig(prior="none"), footage) == (None, None, "from random weights, as asked")
    weights, _, said = load_prior(RepairConfig(width=48), footage)
    assert weights is None
    assert said == "from random weights: what is shipped was trained with width 40, not 48"


def test_other_networks_start_from_random_weights(footage):
    assert load_prior(RepairConfig(network="pose-only"), footage)[0] is None


def test_faces_start_from_what_heads_taught(footage, tmp_path):
    write_takes(tmp_path)
    face = TakeFootage(Takes.load(tmp_path), ExampleConfig())
    weights, _, said = load_prior(RepairConfig(), face)
    assert said == f"from what {read_network(shipped_prior('repair-face'))[1]['steps']} steps on rendered heads taught"
    RepairTask(face, RepairConfig(perceptual="efficientnet-lite0"), launch("cpu", "32-true"), 0, weights)
    assert load_prior(RepairConfig(prior="none"), face) == (None, None, "from random weights, as asked")
    assert load_prior(RepairConfig(width=56), face)[0] is None


def test_a_damaged_or_missing_file_is_named(footage, tmp_path, monkeypatch):
    broken = tmp_path / "repair.safetensors"
    broken.write_bytes(shipped_prior("repair").read_bytes()[:1000])
    monkeypatch.setattr(prior, "shipped_prior", lambda name: broken)
    with pytest.raises(TrainingError, match=r"repair\.safetensors: not a readable network file"):
        load_prior(RepairConfig(), footage)
    monkeypatch.undo()
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    with pytest.raises(DependencyError, match=r"train\.prior=none"):
        load_prior(RepairConfig(), footage)


def test_the_shipped_weights_that_a_training_may_start_from_are_its_inputs():
    """A finished training is taken over as long as its inputs are what they were."""
    names = ("repair", "repair-face")
    assert TrainStage(RepairConfig()).shipped() == {name: shipped_prior(name) for name in names}
    assert TrainStage(RepairConfig(prior="none")).shipped() == {}
    assert TrainStage(RepairConfig(network="pose-only")).shipped() == {}
