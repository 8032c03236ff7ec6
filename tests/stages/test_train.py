from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from tests.train.walks import rows
from vidgan.errors import PersonError, TrainingError
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.train import WEIGHTS, TrainStage, load_generator
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.repair import RepairConfig
from vidgan.train.checkpoint import load_checkpoint, read_network

TINY = {
    "steps": 4, "evaluations": 2, "width": 8, "depth": 1, "batch": 1, "rollout": 2, "precision": "32-true",
    "references": ReferenceConfig(count=2), "examples": ExampleConfig(apart=3), "adversarial_start": 0.3,
}  # fmt: skip


def run(folder, subject, previous=None, seed=0, progress=None, **settings):
    folder.mkdir(exist_ok=True)
    context = StageContext(folder, {"subject": subject}, "cpu", seed, progress or Silent(), previous)
    return TrainStage(RepairConfig(**TINY | settings)).run(context)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, stick_subject_dir):
    folder = tmp_path_factory.mktemp("trained")
    return folder, run(folder, stick_subject_dir)


def test_the_stage_leaves_weights_statistics_and_previews(trained):
    folder, facts = trained
    assert (folder / WEIGHTS).is_file()
    assert len(list((folder / "previews").glob("*.jpg"))) == 2
    assert [row["step"] for row in rows(folder)] == [2, 4]
    assert all(np.isfinite(list(row.values())).all() for row in rows(folder))
    assert facts["steps"] == 4
    assert facts["best_step"] in (2, 4)
    assert facts["feature_network"]
    assert json.loads(json.dumps(facts)) == facts


def test_the_weights_are_those_of_the_best_average(trained):
    folder, _ = trained
    weights, _ = read_network(folder / WEIGHTS)
    best = load_checkpoint(folder / "best.pt")["ema"]
    assert set(weights) == set(best)
    assert all(torch.equal(weights[name], best[name]) for name in best)
    assert all(torch.isfinite(value).all() for value in weights.values())


def test_the_generator_can_be_opened_ready_to_paint(trained):
    folder, facts = trained
    generator, found = load_generator(folder, "cpu")
    assert found == facts
    assert not generator.training
    assert not any(value.requires_grad for value in generator.parameters())
    assert sum(value.numel() for value in generator.parameters()) == facts["parameters"]


def test_the_same_seed_trains_the_same_weights_and_another_does_not(tmp_path, trained, stick_subject_dir):
    folder, _ = trained
    for name, seed in (("same", 0), ("other", 1)):
        run(tmp_path / name, stick_subject_dir, seed=seed)
    first, same, other = (read_network(one / WEIGHTS)[0] for one in (folder, tmp_path / "same", tmp_path / "other"))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_larger_budget_carries_on_from_the_smaller_one(tmp_path, trained, stick_subject_dir):
    folder, _ = trained
    before = (folder / WEIGHTS).read_bytes()
    progress = Silent()
    facts = run(tmp_path, stick_subject_dir, previous=folder, progress=progress, steps=6)
    assert facts["steps"] == 6
    assert any("step 4" in note for note in progress.notes)
    assert (folder / WEIGHTS).read_bytes() == before


def test_the_pose_only_network_is_trained_too(tmp_path, stick_subject_dir):
    facts = run(tmp_path, stick_subject_dir, network="pose-only", steps=2)
    generator, _ = load_generator(tmp_path, "cpu")
    assert facts["network"] == "pose-only"
    assert type(generator).__name__ == "PoseOnlyGenerator"


@pytest.fixture
def with_frames(tmp_path, stick_subject_dir):
    """A subject of which only some frames were kept."""

    def make(kept):
        folder = tmp_path / "subject"
        shutil.copytree(stick_subject_dir, folder)
        for name in ("references.npy", "crops.npy"):
            np.save(folder / name, np.load(folder / name)[kept])
        np.savez(folder / "frames.npz", frames=np.array(kept), blur=np.zeros(len(kept), np.float32))
        return folder

    return make


def test_a_target_too_short_to_train_on_is_said(tmp_path, with_frames):
    with pytest.raises(PersonError) as caught:
        run(tmp_path / "out", with_frames(list(range(6))))
    text = str(caught.value)
    assert "6 frames" in text
    assert "draft" in text
    assert "\n" not in text


def test_the_shortest_target_trains(tmp_path, with_frames):
    assert run(tmp_path / "out", with_frames(list(range(8))), steps=1)["steps"] == 1


def test_a_target_in_which_the_person_flickers_is_said(tmp_path, with_frames):
    """Every other frame only: there are no consecutive ones to learn motion from."""
    with pytest.raises(PersonError) as caught:
        run(tmp_path / "out", with_frames(list(range(0, 30, 2))))
    assert "in a row" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_network_file_is_said(tmp_path, trained):
    folder, _ = trained
    data = (folder / WEIGHTS).read_bytes()
    (tmp_path / WEIGHTS).write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError):
        load_generator(tmp_path, "cpu")
