from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from vidgan import resources
from vidgan.errors import DependencyError, TrainingError, UsageError
from vidgan.runs.folder import RunFacts, differences, open_run
from vidgan.train.checkpoint import read_network, save_network


@pytest.fixture
def run(trained, tmp_path):
    """A finished run of the test's own."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_is_opened_by_its_folder_or_its_model(trained):
    folder, file = open_run(trained), open_run(trained / "model.safetensors")
    assert folder.classes == file.classes == ("falls", "slides")
    assert folder.frames == 4
    assert folder.settings().batch == 4
    assert file.settings() is None
    assert len(folder.clips()) == 8
    assert np.array_equal(folder.sample(range(3)), file.sample(range(3)))
    with pytest.raises(UsageError, match="without its clips"):
        file.clips()


def test_the_best_state_of_an_unfinished_run_is_used(run):
    whole = open_run(run).sample([0])
    (run / "model.safetensors").unlink()
    assert np.array_equal(open_run(run).sample([0]), whole)
    (run / "best.pt").unlink()
    with pytest.raises(TrainingError, match="no state has been kept yet"):
        open_run(run)


def test_the_newer_of_model_and_best_state_counts(run):
    os.utime(run / "model.safetensors", ns=(0, 0))
    assert open_run(run).facts["steps"] == 0
    os.utime(run / "best.pt", ns=(0, 0))
    assert open_run(run).facts["steps"] == 4


def test_without_a_run_it_is_the_shipped_model(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    with pytest.raises(DependencyError, match="give the folder of a RUN"):
        open_run(None)
    (tmp_path / "models").mkdir()
    shutil.copy(trained / "model.safetensors", tmp_path / "models" / "performers.safetensors")
    assert open_run(None).classes == ("falls", "slides")


def changed(run, **facts):
    weights, before = read_network(run / "model.safetensors")

    class Bare:
        def state_dict(self):
            return weights

    save_network(run / "model.safetensors", Bare(), {**before, **facts})
    return run / "model.safetensors"


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"format": 9, "vidgan": "7.1"}, r"made by vidgan 7\.1 in format 9"),
        ({"format": None}, "not from `vidgan train`"),
        ({"generator": {"image": "dcgan", "warp": 9}, "vidgan": "7.1"}, r"made by vidgan 7\.1 with settings"),
        ({"generator": {"image": "dcgan"}}, "do not fit"),
    ],
)
def test_a_model_that_cannot_be_used_is_said_in_a_line(run, facts, says):
    with pytest.raises(TrainingError, match=says) as caught:
        open_run(changed(run, **facts))
    assert "\n" not in str(caught.value)


def test_damage_is_said_in_a_line(run, tmp_path):
    model = run / "model.safetensors"
    model.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(TrainingError, match="not a readable network file"):
        open_run(model)
    model.unlink()
    (run / "best.pt").write_bytes(b"PK")
    with pytest.raises(TrainingError, match="damaged"):
        open_run(run)
    (run / "run.json").write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        open_run(run)
    (run / "run.json").write_text(json.dumps({"format": 1, "vidgan": "0.1"}))
    with pytest.raises(TrainingError, match="damaged"):
        open_run(run)
    with pytest.raises(TrainingError, match="no run is there"):
        open_run(tmp_path / "nowhere")


def test_facts_come_back(trained, tmp_path):
    facts = RunFacts.load(trained)
    facts.save(tmp_path)
    assert RunFacts.load(tmp_path) == facts


def test_differences_name_the_key_and_both_values():
    before = {"a": 1, "b": {"c": [1, 2], "d": None}}
    assert differences(before, before) == []
    assert differences(before, {"a": 1, "b": {"c": [1, 3], "d": 4}}) == [
        "b.c was [1, 2], is [1, 3]",
        "b.d was None, is 4",
    ]


def test_a_sequence_is_the_same_in_any_company(trained):
    run = open_run(trained)
    together = run.sample([0, 1, 2, 3, 4])
    assert np.array_equal(run.sample([3])[0], together[3])
    assert together.shape == (5, 4, 32, 32, 3)
    assert together.dtype == np.uint8


def test_classes_take_turns_by_seed(trained):
    run = open_run(trained)
    assert run.sequences.latents([0, 1, 2, 3]).label.tolist() == [0, 1, 0, 1]
    assert run.sequences.latents([0, 1], label=1).label.tolist() == [1, 1]


def test_a_pair_has_the_theme_of_one_and_the_motion_and_class_of_the_other(trained):
    run = open_run(trained)
    own = run.sample([2, 5])
    assert np.array_equal(run.pair([2, 5], [2, 5]), own)
    mixed = run.pair([2, 5], [5, 2])
    assert not np.array_equal(mixed, own)


def test_shorter_clips_are_the_first_frames_and_longer_ones_begin_with_them(trained):
    run = open_run(trained)
    whole = run.sample([1])
    assert np.array_equal(run.sample([1], frames=2), whole[:, :2])
    longer = run.sample([1], frames=11)
    assert longer.shape[1] == 11
    assert np.array_equal(longer[:, :2], whole[:, :2])  # the other half is faded into the next motion
    slower = run.sample([1], frames=7, how="stretch")
    assert np.array_equal(slower[:, ::2], whole)


def test_smaller_truncation_makes_normal_latents_smaller_and_keeps_their_signs(trained):
    run = open_run(trained)
    whole, cut = (run.sequences.latents(range(8), truncation=psi).theme for psi in (None, 0.5))
    assert cut.abs().max() <= 0.5
    assert bool((cut.sign() == whole.sign()).all())
