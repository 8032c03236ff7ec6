from __future__ import annotations

import copy

import pytest
import yaml

from tests.stages.conftest import CHAIN
from vidgan.config import load_config
from vidgan.errors import ConfigError, DependencyError
from vidgan.resources import shipped
from vidgan.stages import registry
from vidgan.stages.pipeline import read_pipeline, settings_model


@pytest.fixture
def broken(tmp_path):
    def read(change):
        pipeline = copy.deepcopy(CHAIN)
        change(pipeline)
        path = tmp_path / "broken.yaml"
        path.write_text(yaml.safe_dump(pipeline, sort_keys=False))
        return settings_model(read_pipeline(path))

    return read


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda p: p["stages"][1].update(inputs={"a": "third"}),
            "second takes third, which is no input and no earlier",
        ),
        (lambda p: p["stages"][1].update(name="first"), "two things called first"),
        (lambda p: p["stages"][1].update(name="First"), "should match pattern"),
        (lambda p: p["stages"][1].update(input={}), "unknown key stages.1.input"),
        (lambda p: p.update(outputs={"video": "fourth/a.mp4"}), "output video must be STAGE/FILE"),
        (lambda p: p.update(outputs={"video": "first"}), "output video must be STAGE/FILE"),
        (lambda p: p.update(output={}), "unknown key output in .*did you mean outputs"),
        (lambda p: p["stages"][0].update(stage="posse"), "unknown stage posse: did you mean pose"),
        (lambda p: p["stages"][0].update(stage="json:loads"), "is not a stage"),
        (lambda p: p["stages"][0].update(stage="json:nothing"), "no nothing in json"),
        (lambda p: p.update(stages=[]), "stages in .* should have at least 1 item"),
    ],
)
def test_a_wrong_pipeline_is_one_line(broken, change, says):
    with pytest.raises(ConfigError, match=says) as caught:
        broken(change)
    assert "\n" not in str(caught.value)


def test_a_stage_whose_package_is_missing_says_so():
    with pytest.raises(DependencyError, match="the library no_such_module is not installed"):
        registry.stage_class("no_such_module:Stage")


def test_settings_have_a_section_for_each_stage(broken):
    model = broken(lambda p: None)
    assert list(model.model_fields) == ["count", "more", "last", "media"]
    with pytest.raises(ConfigError, match="unknown key more.step in --set more.step=1: did you mean more.steps?"):
        load_config(model, None, ["more.step=1"])


def test_shipped_pipelines_are_whole():
    for name, path in shipped("pipelines").items():
        pipeline = read_pipeline(path)
        assert pipeline.name == name
        assert {spec.stage for spec in pipeline.stages} <= registry.known_stages().keys()
        assert f"{pipeline.presets}/{pipeline.preset}" in shipped("configs")


def test_stages_of_other_packages_are_found_but_replace_none_of_ours(monkeypatch):
    points = [
        type("Point", (), {"name": "fake", "value": "tests.stages.fakes:Count"}),
        type("Point", (), {"name": "pose", "value": "evil:Pose"}),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry.known_stages.cache_clear()
    try:
        assert registry.stage_class("fake").name == "count"
        assert registry.known_stages()["pose"] == registry.STAGES["pose"]
    finally:
        registry.known_stages.cache_clear()
