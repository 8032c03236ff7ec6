from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator

from vidgan.config import (
    Config,
    Duration,
    extends,
    family_fields,
    key_fields,
    load_config,
    parse_duration,
    read_file,
    runtime,
)
from vidgan.errors import ConfigError


class Optimiser(Config):
    lr: float = Field(1e-3, gt=0)
    workers: int = runtime(2)


class Train(Config):
    enabled: bool = True
    budget: Duration = extends(300.0)
    optimiser: Optimiser = Optimiser()
    stages: list[Optimiser] = Field(default_factory=list)
    bundle: Path | None = None


class Pose(Config):
    person: Literal["largest", "center"] | int = "largest"
    backend: str = "mediapipe"


class Settings(Config):
    train: Train = Train()
    pose: Pose = Pose()


@pytest.fixture
def file(tmp_path):
    def write(text, name="settings.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("1.5h", 5400), ("45", 45), (45, 45), (0.5, 0.5), (" 2 m ", 120), (".5m", 30), ("0", 0)],
)
def test_durations(text, seconds):
    assert load_config(Train, None, options={"budget": text}).budget == seconds


@pytest.mark.parametrize("text", ["5x", "", "m", "-5m", "1h30m", "five", "inf", "nan", "1e3"])
def test_what_is_no_duration(text):
    with pytest.raises(ConfigError, match="budget in --budget should be a time such as 30s, 5m or 1.5h, not"):
        load_config(Train, None, options={"budget": text})


@pytest.mark.parametrize("value", [-1, math.inf, math.nan])
def test_a_duration_is_finite_and_not_negative(value):
    with pytest.raises(ConfigError, match="budget in --budget should be"):
        load_config(Train, None, options={"budget": value})


@given(st.floats(0, 1e6), st.sampled_from([("s", 1), ("m", 60), ("h", 3600), ("", 1)]))
def test_durations_scale_with_their_unit(number, unit):
    assert parse_duration(f"{number:.6f}{unit[0]}") == pytest.approx(float(f"{number:.6f}") * unit[1])


def test_defaults_without_a_file():
    assert load_config(Settings, None) == Settings()


def test_a_file_lies_over_its_base_section_by_section(file):
    file("train:\n  budget: 1m\n  enabled: false\n", "base.yaml")
    settings = load_config(Settings, file("base: base.yaml\ntrain:\n  budget: 2m\n"))
    assert settings.train.budget == 120
    assert settings.train.enabled is False


def test_later_files_options_and_overrides_win(file):
    first, second = file("pose: {backend: a, person: 1}\n", "1.yaml"), file("pose: {backend: b}\n", "2.yaml")
    assert load_config(Settings, [first, second]).pose == Pose(backend="b", person=1)
    options = {"pose.backend": "c", "pose.person": None}
    assert load_config(Settings, [first, second], options=options).pose == Pose(backend="c", person=1)
    assert load_config(Settings, first, ["pose.backend=d"], options).pose.backend == "d"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "\n".join(["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}" for n in range(1, 40))]),
            "more than 10000 values",
        ),
        (
            "\n".join(["a0: &a0 [1]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]),
            "more than 10000 values",
        ),
        ("a0: &a0\n  x: *a0", r"\*a0 is inside itself"),
    ],
    ids=["sections", "lists", "circle"],
)
def test_aliases_that_would_fill_the_memory_are_refused(tmp_path, text, problem):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"a.yaml:\d+ is not valid YAML: {problem}"):
        read_file(tmp_path / "a.yaml")


def test_an_alias_may_repeat_a_value(tmp_path):
    (tmp_path / "a.yaml").write_text("train: &train {lr: &lr 0.5}\nother: *lr\nagain: *train\n")
    assert read_file(tmp_path / "a.yaml").values == {"train": {"lr": 0.5}, "other": 0.5, "again": {"lr": 0.5}}


def test_override_values_are_yaml():
    overrides = ["train.enabled=no", "train.budget=90", "train.optimiser={lr: 0.5}", "pose.backend=7"]
    settings = load_config(Settings, None, overrides)
    assert (settings.train.enabled, settings.train.budget, settings.train.optimiser.lr) == (False, 90, 0.5)
    assert settings.pose.backend == "7"


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("train.bugdet=3", "unknown key train.bugdet in --set train.bugdet=3: did you mean train.budget?"),
        ("trian.budget=3", "unknown key trian in --set trian.budget=3: did you mean train?"),
        ("budget=3", "unknown key budget in --set budget=3: did you mean train.budget?"),
        (
            "train.optimiser.rl=3",
            "unknown key train.optimiser.rl in --set train.optimiser.rl=3: known here are lr, workers",
        ),
        ("pose.zzz=3", "unknown key pose.zzz in --set pose.zzz=3: known here are person, backend"),
        ("train.optimiser.lr=-1", "train.optimiser.lr in --set train.optimiser.lr=-1 should be greater than 0, not -1"),
        (
            "pose.person=tall",
            "pose.person in --set pose.person=tall should be 'largest' or 'center' or a valid integer, not 'tall'",
        ),
        ("train=3", "train in --set train=3 should be a valid dictionary, not 3"),
        ("train.enabled=maybe", "train.enabled in --set train.enabled=maybe should be a valid boolean, not 'maybe'"),
        ("train", "--set takes key=value, such as train.budget=5m, not 'train'"),
        ("=3", "--set takes key=value, such as train.budget=5m, not '=3'"),
        ("train..lr=3", "--set takes key=value, such as train.budget=5m, not 'train..lr=3'"),
    ],
)  # fmt: skip
def test_wrong_overrides_are_one_line_with_what_was_meant(override, says):
    with pytest.raises(ConfigError) as caught:
        load_config(Settings, None, [override])
    assert str(caught.value) == says


def test_an_override_below_a_value_is_refused():
    with pytest.raises(ConfigError, match="train.budget.x in --set train.budget.x=4: budget is a value, not a section"):
        load_config(Settings, None, ["train.budget=3", "train.budget.x=4"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train:\n  enabled: true\n  bugdet: 3\n", "unknown key train.bugdet in {}:3: did you mean train.budget?"),
        ("pose:\n  person: [1]\n", "pose.person in {}:2 should be"),
        ("train:\n  budget: 3\n  budget: 4\n", "train.budget is there twice in {}:3: keep one"),
        ("- train\n", "{} must hold settings as `key: value`, not a list"),
        ("train: [\n", "{}:2 is not valid YAML"),
        ("base: nowhere.yaml\n", "cannot read the configuration"),
        ("base: 3\n", "base: in {}:1 must be the path of another YAML file"),
        ("base: settings.yaml\n", "leads back to {}: remove the circle"),
        (
            "train: !!python/object/apply:os.system ['false']\n",
            "{}:1 is not valid YAML: could not determine a constructor",
        ),
    ],
)  # fmt: skip
def test_wrong_files_are_one_line_with_the_place(file, text, says):
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        load_config(Settings, path)
    assert says.format(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_place_of_a_key_in_a_base_is_the_base(file):
    base = file("train:\n  bugdet: 3\n", "base.yaml")
    with pytest.raises(ConfigError, match=f"in {base}:2"):
        load_config(Settings, file("base: base.yaml\ntrain:\n  budget: 3\n"))


def test_a_missing_or_binary_file_is_one_line(file, tmp_path):
    with pytest.raises(ConfigError, match="cannot read the configuration .*none.yaml: No such file"):
        load_config(Settings, tmp_path / "none.yaml")
    binary = tmp_path / "film.mp4"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="film.mp4: not a text file"):
        load_config(Settings, binary)


def test_an_empty_file_changes_nothing(file):
    assert load_config(Settings, file("")) == Settings()


def test_key_fields_leave_out_runtime_at_any_depth():
    settings = Train(stages=[Optimiser(lr=2, workers=9)])
    assert key_fields(settings) == {
        "enabled": True,
        "budget": 300.0,
        "optimiser": {"lr": 1e-3},
        "stages": [{"lr": 2.0}],
        "bundle": None,
    }


def test_family_fields_leave_out_extends_too():
    assert family_fields(Train(budget=5)) == family_fields(Train(budget=6))
    assert "budget" not in family_fields(Train())
    assert key_fields(Train(budget=5)) != key_fields(Train(budget=6))


def test_a_path_stands_for_its_content(file):
    path = file("x")
    digest = {path: "123"}.__getitem__
    assert key_fields(Train(bundle=path), digest)["bundle"] == "sha256:123"
    assert key_fields(Train(bundle=path))["bundle"] == str(path)
    assert key_fields(Train(bundle=Path("nowhere")), digest)["bundle"] == "nowhere"


class Pair(Config):
    least: int = 1
    most: int = 2

    @model_validator(mode="after")
    def _ordered(self):
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, more than most, {self.most}")
        return self


def test_settings_that_do_not_go_together_are_one_line():
    with pytest.raises(ConfigError, match=r"^least is 3, more than most, 2$"):
        load_config(Pair, None, ["least=3"])
