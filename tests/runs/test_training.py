from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.tasks.squares import settings
from tests.train.walks import rows, same
from vidgan.errors import Interrupted, MediaError, OutputError, TrainingError, UsageError
from vidgan.progress import Silent
from vidgan.runs import training
from vidgan.runs.folder import RunFacts, open_run
from vidgan.runs.training import prepare, stop_on_signal
from vidgan.train.checkpoint import load_checkpoint, read_network

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def job(strips, tiny_config, tmp_path):
    """A training into `run` in a folder of the test's own; keywords change it."""

    def make(folder="run", config=tiny_config, source=strips, **more):
        return prepare(config, source, tmp_path / folder, **{"device": "cpu", **more})

    return make


def copied(run, tmp_path):
    return Path(shutil.copytree(run, tmp_path / "run"))


def test_a_run_leaves_what_it_should(trained, strips):
    names = {it.name for it in trained.iterdir()}
    assert {"run.json", "clips", "checkpoint.pt", "best.pt", "stats.jsonl", "previews", "model.safetensors"} <= names
    facts = json.loads((trained / "run.json").read_text())
    assert (facts["format"], facts["task"], facts["seed"]) == (1, "generate", 0)
    assert facts["clips"]["classes"] == ["falls", "slides"]
    assert facts["clips"]["count"] == 8
    assert facts["clips"]["held"]
    _, header = read_network(trained / "model.safetensors")
    assert (header["steps"], header["classes"]) == (4, ["falls", "slides"])
    assert header["generator"]["size"] == 32
    assert [row["step"] for row in rows(trained)] == [2, 4]


def test_the_model_is_the_best_averaged_state(trained):
    weights, _ = read_network(trained / "model.safetensors")
    same(dict(sorted(weights.items())), dict(sorted(load_checkpoint(trained / "best.pt")["ema"].items())))


def test_the_same_command_again_does_nothing_more(trained, strips, tiny_config, tmp_path):
    run = copied(trained, tmp_path)
    before = (run / "model.safetensors").read_bytes()
    state = prepare(tiny_config, strips, run, device="cpu").go(Silent())
    assert state.step == 4
    assert (run / "model.safetensors").read_bytes() == before


def test_more_steps_carry_a_finished_run_on(trained, job, tmp_path):
    copied(trained, tmp_path)
    progress = Silent()
    state = job(steps=6).go(progress)
    assert state.step == 6
    assert any("from step 4" in note for note in progress.notes)
    whole = job("whole", steps=6).go(Silent())
    assert whole.step == 6
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt")["task"] for name in ("run", "whole"))
    same(one, two)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"overrides": ["batch=8"]}, "batch was 4, is 8"),
        ({"overrides": ["critic.width=16", "batch=8"]}, r"critic\.width was 8, is 16; batch was 4, is 8"),
        ({"seed": 1}, "seed was 0, is 1"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(trained, job, tmp_path, more, says):
    run = copied(trained, tmp_path)
    before = (run / "run.json").read_bytes()
    with pytest.raises(UsageError, match=says) as caught:
        job(**more).go(Silent())
    assert "give another -o" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (run / "run.json").read_bytes() == before


def test_other_clips_are_refused_and_the_prepared_ones_stay(trained, job, strips, tmp_path):
    run = copied(trained, tmp_path)
    fewer = Path(shutil.copytree(strips, tmp_path / "fewer"))
    next((fewer / "falls").iterdir()).unlink()
    before = (run / "clips" / "clips.npy").read_bytes()
    with pytest.raises(UsageError, match="the clips are not those of"):
        job(source=fewer).go(Silent())
    assert (run / "clips" / "clips.npy").read_bytes() == before


def test_copied_clips_are_the_same_ones(trained, job, strips, tmp_path):
    copied(trained, tmp_path)
    again = Path(shutil.copytree(strips, tmp_path / "again"))
    assert job(source=again).go(Silent()).step == 4


def test_how_it_runs_may_change(trained, job, tmp_path):
    copied(trained, tmp_path)
    assert job(overrides=["checkpoint_seconds=9", "compile=never"], budget=None, steps=4).go(Silent()).step == 4


def test_a_folder_with_something_else_is_left_alone(job, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="something else"):
        job().go(Silent())


def test_a_run_of_another_format_is_said(trained, job, tmp_path):
    run = copied(trained, tmp_path)
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "format": 7, "vidgan": "9.9"}))
    with pytest.raises(TrainingError, match=r"made by vidgan 9\.9 in format 7.*reads format 1"):
        job().go(Silent())


def test_a_run_with_settings_of_another_version_is_said(trained, job, tmp_path):
    run = copied(trained, tmp_path)
    facts = json.loads((run / "run.json").read_text())
    facts["config"]["teleport"] = True
    (run / "run.json").write_text(json.dumps({**facts, "vidgan": "9.9"}))
    with pytest.raises(TrainingError, match=r"made by vidgan 9\.9, whose setting teleport"):
        job().go(Silent())


def test_a_run_begun_by_another_version_goes_on_with_a_note(trained, job, tmp_path):
    run = copied(trained, tmp_path)
    facts = RunFacts.load(run)
    facts.model_copy(update={"vidgan": "0.0.9"}).save(run)
    progress = Silent()
    job().go(progress)
    assert any("begun by vidgan 0.0.9" in note for note in progress.notes)


def test_a_checkpoint_cut_short_is_said(trained, job, tmp_path):
    run = copied(trained, tmp_path)
    data = (run / "checkpoint.pt").read_bytes()
    (run / "checkpoint.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError, match="checkpoint is damaged"):
        job(steps=6).go(Silent())


def test_nan_stops_the_run_and_what_was_good_can_be_drawn_from(job, tmp_path):
    job().go(Silent())
    with pytest.raises(TrainingError, match="not-a-number") as caught:
        job("bad", overrides=["optimiser.generator_rate=1e30", "evaluations=4"], steps=8).go(Silent())
    assert "\n" not in str(caught.value)


def test_too_little_to_train_on(job, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no clips in it"):
        job(source=tmp_path / "empty").go(Silent())
    with pytest.raises(MediaError, match="no such folder"):
        job(source=tmp_path / "nowhere").go(Silent())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"budget": "5m", "steps": 3}, "give one"),
        ({"budget": "soon"}, r"budget in --budget should be a time such as 30s"),
        ({"overrides": ["objektive=wgan"]}, "did you mean objective"),
        ({"overrides": ["objective=best"]}, "objective"),
        ({"config": "tinny"}, "no file tinny"),
        ({"devices": 3}, "batch 4 cannot be shared by 3 processes"),
    ],
)
def test_wrong_usage_is_found_before_any_work(job, tmp_path, more, says):
    with pytest.raises(UsageError, match=says):
        job(**more)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["tiny", "generate/tiny", "configs/generate/tiny.yaml"])
def test_configurations_are_found_by_name(strips, name):
    made = prepare(name, strips, device="cpu")
    assert made.config.generator.size == 32
    assert made.folder == Path("out/runs/tiny")


def test_a_budget_takes_the_place_of_configured_steps(job):
    assert job(budget="30s").config.steps is None
    assert job(budget="30s").config.budget == 30


def test_the_plan_counts_and_writes_nothing(job, tmp_path):
    plan = job().plan()
    assert plan["clips"]["picture clips"] == 8
    assert plan["clips"]["classes"] == "falls, slides"
    assert plan["training"]["until"] == "4 steps"
    assert plan["generator"]["image parameters"] > 0
    assert plan["run"]["state"] == "new"
    assert not (tmp_path / "run").exists()


def test_the_plan_says_where_a_run_goes_on(trained, job, tmp_path):
    copied(trained, tmp_path)
    assert job().plan()["run"]["state"] == "goes on from step 4"


def test_the_first_signal_asks_and_the_second_interrupts():
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signal() as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_saves_the_state_and_the_run_goes_on_as_if_nothing_had_been(job, tmp_path, monkeypatch):
    whole = job("whole")
    whole.go(Silent())

    class Interrupting(training.GenerateTask):
        def step(self, step, fraction):
            if step == 1:
                signal.raise_signal(signal.SIGINT)
            return super().step(step, fraction)

    cut = job("cut", overrides=["checkpoint_seconds=100"])
    with monkeypatch.context() as patched:
        patched.setattr(training, "GenerateTask", Interrupting)
        with pytest.raises(Interrupted, match="at step 2"):
            cut.go(Silent())
    assert load_checkpoint(tmp_path / "cut" / "checkpoint.pt")["run"]["step"] == 2
    cut.go(Silent())
    assert (tmp_path / "cut/model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


# --- The real command, killed and in two processes --------------------------------------------------------------------


def command(config, source, folder, *more):
    return [
        *(sys.executable, "-m", "vidgan.cli.main", "train", str(config), str(source)),
        *("-o", str(folder), "--device", "cpu", "--quiet", *more),
    ]


@pytest.mark.timeout(1200)  # a busy machine starts processes slowly
def test_a_killed_command_run_again_gives_the_uninterrupted_model_bit_for_bit(job, tiny_config, strips, tmp_path):
    more = {"steps": 60, "overrides": ["evaluations=3"]}
    job("whole", **more).go(Silent())
    cut = tmp_path / "cut"
    options = ("--steps", "60", "--set", "evaluations=3")
    process = subprocess.Popen(command(tiny_config, strips, cut, *options), cwd=ROOT)
    until = time.monotonic() + 200
    while not (cut / "checkpoint.pt").exists() and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.5))
    process.kill()
    assert process.wait() in (-signal.SIGKILL, 0)
    assert job("cut", **more).go(Silent()).step == 60
    assert (cut / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()
    same(*(load_checkpoint(it / "checkpoint.pt")["task"] for it in (tmp_path / "whole", cut)))
    assert rows(cut) == rows(tmp_path / "whole")


TOGETHER = {
    "batch": 8,
    "generator": {"image": "dcgan"},
    "critic": {"norm": "batch"},
    "augment": {"strength": 0.5, "adaptive": True, "ramp": 100, "interval": 1},
    "instance_noise": 0.1,
    "regularisers": {"r1": 0.1, "gradient_penalty": 1.0, "interval": 2},
    "optimiser": {"kind": "rmsprop", "generator_rate": 1e-3, "critic_rate": 1e-3, "eps": 0.1},  # near gradient descent
    "critic_steps": 2,
    "steps": 3,
    "evaluations": 1,
}


@pytest.mark.timeout(1200)  # a busy machine starts processes slowly
@pytest.mark.parametrize("more", [{}, {"mismatch": 0.5, "steps": 1}], ids=["three steps", "with other classes"])
def test_two_processes_equal_one_with_the_same_batch(job, strips, tmp_path, more):
    """Batch norm, augmentation, noise, penalties, labels: all on the batch of both.

    With a small eps the optimiser divides rounding errors of gradients near zero by themselves, which is no mistake.
    Nor is what a penalty on gradients makes of them at a kink of the critic: with other classes one process differs by
    1e-3 from itself after three steps when its first weights differ by 1e-7, so that there only one step is compared.
    """
    import yaml

    config = tmp_path / "together.yaml"
    config.write_text(yaml.safe_dump(settings(**{**TOGETHER, **more}).model_dump(mode="json")))
    job("one", config=config).go(Silent())
    run = [it for it in command(config, strips, tmp_path / "two", "--devices", "2") if it != "--quiet"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("model") == 2  # its name and its path, said by one process
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt")["task"] for name in ("one", "two"))
    for network in ("generator", "critic", "ema"):
        for name, value in one[network].items():
            torch.testing.assert_close(two[network][name], value, atol=1e-5, rtol=1e-5, msg=f"{network} {name}")
    assert two["augment"]["strength"] == pytest.approx(one["augment"]["strength"], abs=1e-6)
    first, second = (json.loads((tmp_path / name / "stats.jsonl").read_text()) for name in ("one", "two"))
    for name in ("generator", "critic", "generator_gradient", "critic_gradient", "penalty"):
        assert second[name] == pytest.approx(first[name], rel=1e-4)
    assert open_run(tmp_path / "two").record is not None
