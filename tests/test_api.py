from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from vidgan import api, resources
from vidgan.errors import ConfigError, TrustError, UsageError
from vidgan.trust.keys import new_keys


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
    assert {plan(preset=quality).settings.train.tolerance for quality in ("standard", "high")} == {0.02}
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
        ({"options": {"encode.audio": "none"}}, {"encode", "sign", "report"}),
        ({"options": {"render.size": 64}}, {"render", "encode", "sign", "report"}),
        ({"seed": 1}, {"train", "heldout", "render", "encode", "sign", "report"}),
        ({"options": {"train.budget": 60}}, {"train", "heldout", "render", "encode", "sign", "report"}),
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


# --- Marks ------------------------------------------------------------------------------------------------------------


def test_everything_is_marked_and_signed_with_keys_made_at_first_use(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDGAN_TRUST", str(tmp_path / "keys"))
    said = []
    settings = plan(emit=said.append).settings
    assert settings.encode.marked
    assert settings.sign.certificate == tmp_path / "keys" / "chain.pem"
    assert any("made own keys" in event["message"] for event in said)
    said.clear()
    plan(emit=said.append)
    assert [event["message"] for event in said] == ["device cpu: no GPU"]


def test_no_mark_is_typed_and_never_a_setting(plan, tmp_path):
    assert not plan(marked=False).settings.encode.marked
    for said in (
        {"overrides": ["encode.marked=false"]},
        {"overrides": ["encode={marked: false}"]},
        {"options": {"encode.marked": False}},
        {"options": {"encode": {"marked": False}}},
    ):
        with pytest.raises(ConfigError, match="type --no-mark each time"):
            plan(**said)
    (tmp_path / "merged.yaml").write_text("encode: {<<: {marked: false}}\n")
    with pytest.raises(ConfigError, match="type --no-mark each time"):
        plan(config=tmp_path / "merged.yaml")
    (tmp_path / "house.yaml").write_text("encode: {marked: false}\n")
    with pytest.raises(ConfigError, match=r"encode.marked in .*house.yaml:1 .*--no-mark"):
        plan(config=tmp_path / "house.yaml")


def test_a_pipeline_cannot_switch_marks_off(plan, tmp_path):
    text = resources.find("pipelines", "transfer").read_text().replace("    stage: encode\n", OFF)
    (tmp_path / "transfer.yaml").write_text(text)
    inputs = {"source": tmp_path / "dance.mp4", "target": tmp_path / "alice.mp4"}
    with pytest.raises(ConfigError, match="encode of pipeline transfer"):
        api.prepare(tmp_path / "transfer.yaml", inputs, tmp_path / "out.mp4", work=tmp_path / "work", device="cpu")


OFF = "    stage: encode\n    set: {marked: false}\n"


def test_marks_follow_a_stage_whose_settings_have_another_name(plan, tmp_path):
    text = resources.find("pipelines", "transfer").read_text()
    text = text.replace("    stage: encode\n", "    stage: encode\n    config: out\n")
    (tmp_path / "transfer.yaml").write_text(text.replace("    stage: sign\n", "    stage: sign\n    config: signed\n"))
    inputs = {"source": tmp_path / "dance.mp4", "target": tmp_path / "alice.mp4"}
    given = (tmp_path / "transfer.yaml", inputs, tmp_path / "out.mp4")

    def planned(**more):
        return api.prepare(*given, preset="draft", work=tmp_path / "work", device="cpu", **more).settings

    assert planned().signed.certificate is not None
    assert not planned(marked=False).out.marked
    with pytest.raises(ConfigError, match="out.marked in --set"):
        planned(overrides=["out.marked=false"])


def test_a_watermark_key_that_will_not_do_is_refused_before_any_work(plan, tmp_path):
    with pytest.raises(TrustError, match="cannot read the watermark's key"):
        plan(overrides=[f"encode.watermark_key={tmp_path / 'none'}"])


def test_the_python_api_has_no_way_to_leave_marks_out():
    assert "marked" not in inspect.signature(api.transfer).parameters


def test_consent_and_label_change_what_they_must(plan):
    keys = {stage.name: stage.job.key for stage in plan().plan.stages}
    agreed = plan(consent="Alice agreed")
    assert agreed.settings.sign.consent == "Alice agreed"
    assert {it.name for it in agreed.plan.stages if keys[it.name] != it.job.key} == {"sign", "report"}
    labelled = plan(label=True)
    assert labelled.settings.encode.shown_label == "AI generated"
    assert {it.name for it in labelled.plan.stages if keys[it.name] != it.job.key} == {"encode", "sign", "report"}


def test_a_studio_signs_with_its_own_certificate(plan, tmp_path):
    files = new_keys(tmp_path / "studio", "Example Studio")
    signing = plan(certificate=files).settings.sign
    assert (signing.certificate, signing.private_key) == files


def test_keys_that_will_not_do_are_refused_before_any_work(plan, tmp_path, own_keys):
    with pytest.raises(TrustError, match=r"cannot read the certificate .*none.pem: No such file"):
        plan(overrides=[f"sign.certificate={tmp_path}/none.pem", f"sign.private_key={tmp_path}/none.pem"])
    with pytest.raises(ConfigError, match="go together"):
        plan(overrides=[f"sign.certificate={own_keys}/chain.pem"])


def test_a_dry_run_writes_nothing(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("VIDGAN_TRUST", str(tmp_path / "keys"))
    run = plan("new/out.mp4", dry_run=True)
    assert {stage.action for stage in run.plan.stages} == {"run"}
    assert sorted(it.name for it in tmp_path.iterdir()) == ["alice.mp4", "dance.mp4"]


def test_a_dry_run_sees_what_is_there(plan, tmp_path):
    keys = [stage.job.key for stage in plan().plan.stages]
    assert [stage.job.key for stage in plan(dry_run=True).plan.stages] == keys


def test_the_limits_of_media_are_settings_and_in_no_key(plan):
    run = plan(overrides=["media.max_frames=7"])
    assert run.settings.media.max_frames == 7
    assert [stage.job.key for stage in run.plan.stages] == [stage.job.key for stage in plan().plan.stages]
