from __future__ import annotations

from pathlib import Path

import pytest

from vidgan import api
from vidgan.errors import ConfigError, UsageError


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Prepare a transfer on the CPU, or on a pretended GPU."""
    for name in ("dance.mp4", "alice.mp4"):
        (tmp_path / name).write_bytes(name.encode())

    def prepare(output="out.mp4", gpu=False, **settings):
        monkeypatch.setattr(api, "choose_device", lambda asked: ("cuda:0", "a GPU") if gpu else ("cpu", "no GPU"))
        inputs = {"source": tmp_path / "dance.mp4", "target": tmp_path / "alice.mp4"}
        return api.prepare("transfer", inputs, tmp_path / output, work=tmp_path / "work", **settings)

    return prepare


def test_a_standard_transfer_trains_five_minutes_on_a_cpu_and_ten_on_a_gpu(plan):
    assert plan().settings.train.budget == 300
    assert plan(gpu=True).settings.train.budget == 600
    assert plan(gpu=True, options={"train.budget": "90s"}).settings.train.budget == 90


def test_the_ladder(plan):
    stages = {quality: [stage.name for stage in plan(preset=quality).plan.stages] for quality in ("draft", "standard")}
    assert [name for name in stages["standard"] if name not in stages["draft"]] == ["train"]
    assert plan(preset="high").settings.train.budget > plan(preset="standard").settings.train.budget
    with pytest.raises(UsageError, match=r"transfer/best.*transfer/draft, transfer/high, transfer/standard"):
        plan(preset="best")


def test_the_container_follows_from_the_name(plan):
    assert plan().settings.encode.container == "mp4"
    assert plan("out.MKV").settings.encode.container == "mkv"
    with pytest.raises(ConfigError, match="webm does not hold h264"):
        plan("out.webm", overrides=["encode.codec=h264"])


def test_the_options_of_transfer_are_settings(plan):
    settings = plan(options=api.transfer_options("2m", 720, "none", "center")).settings
    assert settings.train.budget == 120
    assert settings.render.size == 720
    assert settings.encode.audio == "none"
    assert settings.pose.person == "center"


@pytest.mark.parametrize(
    ("changed", "rerun"),
    [
        ({"options": {"encode.audio": "none"}}, {"encode", "report"}),
        ({"options": {"render.size": 64}}, {"render", "encode", "report"}),
        ({"seed": 1}, {"train", "heldout", "render", "encode", "report"}),
        ({"options": {"train.budget": 60}}, {"train", "heldout", "render", "encode", "report"}),
    ],
)
def test_one_setting_reruns_just_what_depends_on_it(plan, changed, rerun):
    keys = {stage.name: stage.job.key for stage in plan().plan.stages}
    others = {stage.name: stage.job.key for stage in plan(**changed).plan.stages}
    assert {name for name in keys if keys[name] != others[name]} == rerun


def test_a_new_source_needs_no_new_training(plan, tmp_path):
    before = {stage.name: stage.job.key for stage in plan().plan.stages}
    (tmp_path / "dance.mp4").write_bytes(b"another dance")
    after = {stage.name: stage.job.key for stage in plan().plan.stages}
    assert {name for name in before if before[name] == after[name]} == {"target_pose", "subject", "train", "heldout"}


def test_a_larger_budget_carries_the_training_on(plan):
    plans = [plan(options={"train.budget": budget}).plan for budget in (60, 120)]
    assert len({stage.job.family for it in plans for stage in it.stages if stage.name == "train"}) == 1


def test_the_default_output_names_both():
    assert api.default_output("films/dance.mp4", Path("alice.mov")) == Path("out/dance_as_alice.mp4")
