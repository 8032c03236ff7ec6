"""The comparison of configurations, on networks of a few weights."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from benchmarks import clips
from tests.tasks.squares import CLASSES, TINY, square_clip


@pytest.fixture
def strips(tmp_path):
    """A folder of eight image strips in two classes, and the smallest configuration."""
    import numpy as np

    from vidgan.video.sheet import save_png

    rng = np.random.default_rng(0)
    for number in range(8):
        kind = number % 2
        (tmp_path / "clips" / CLASSES[kind]).mkdir(exist_ok=True, parents=True)
        clip = square_clip(kind, rng.integers(80, 255, 3), int(rng.integers(12)), length=8)
        save_png(np.concatenate(list(clip), axis=1), tmp_path / "clips" / CLASSES[kind] / f"{number}.png")
    least = {name: value for name, value in TINY.items() if name != "steps"}
    (tmp_path / "least.yaml").write_text(yaml.safe_dump({**least, "clips": {**TINY["clips"], "held_out": 0.5}}))
    return tmp_path


def test_a_configuration_may_have_settings_of_its_own():
    assert clips.parted("tiny") == ("tiny", ())
    assert clips.parted("out/a.yaml+mismatch=1e+2+critic.deviation=0") == (
        "out/a.yaml",
        ("mismatch=1e+2", "critic.deviation=0"),
    )


def test_steps_are_minutes_times_the_rate():
    assert clips.steps_of(10, 0.45) == 270
    assert clips.steps_of(0.001, 0.1) == 1


def test_rates_are_given_kept_or_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(clips, "in_child", lambda function, name, *rest: {"steps/s": 7.0})
    kept = tmp_path / "rates.json"
    assert clips.known_rates(["a", "b", "a+x.y=1"], ["a=2.5"], kept, "cpu") == {"a": 2.5, "b": 7.0}
    monkeypatch.setattr(clips, "in_child", None)
    assert clips.known_rates(["a", "b"], [], kept, "cpu") == {"a": 2.5, "b": 7.0}


def test_mean_and_deviation_over_seeds_by_hand():
    rows = [
        {"configuration": "a", "minutes": 1.0, "steps": 9, "seed": k, "copies": value}
        for k, value in enumerate((1, 2, 3))
    ]
    alone = {**rows[0], "steps": 18}
    assert clips.over_seeds([*rows, alone]) == [
        {"configuration": "a, mean", "minutes": 1.0, "steps": 9, "copies": 2.0},
        {"configuration": "a, deviation", "minutes": 1.0, "steps": 9, "copies": 1.0},
    ]


def test_the_same_command_goes_on_and_scores_once(strips, monkeypatch):
    config, out = str(strips / "least.yaml"), strips / "out.json"
    command = [
        str(strips / "clips"), "--work", str(strips / "work"), "--configurations", config, "--rate", f"{config}=0.05",
        "--device", "cpu", "--json", str(out),
    ]  # fmt: skip
    first = CliRunner().invoke(clips.main, [*command, "--minutes", "1"], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    run = CliRunner().invoke(clips.main, [*command, "--minutes", "1,2"], catch_exceptions=False)
    assert run.exit_code == 0, run.output
    found = json.loads(out.read_text())
    assert [row.get("steps") for row in found["rows"]] == [3, 6, None]
    assert found["rows"][-1]["configuration"] == "real clips"
    assert {"motion_frechet", "class_accuracy", "change by class"} <= set(found["rows"][0])
    assert [row["step"] for row in found["curves"][f"{config}, seed 0"]][-1] == 6
    assert found["curves"][f"{config}, seed 0"][-1]["minutes"] == pytest.approx(2)
    monkeypatch.setattr(clips, "evaluate_run", None)  # nothing is left to do
    again = CliRunner().invoke(clips.main, [*command, "--minutes", "1,2"], catch_exceptions=False)
    assert again.exit_code == 0
    equal = CliRunner().invoke(clips.main, [*command, "--steps", "6"], catch_exceptions=False)
    assert equal.exit_code == 0
    assert [row.get("minutes") for row in json.loads(out.read_text())["rows"]] == [None, None]


def test_clips_that_will_not_do_are_one_line(tmp_path):
    (tmp_path / "clips").mkdir()
    command = [str(tmp_path / "clips"), "--work", str(tmp_path / "work"), "--steps", "3", "--device", "cpu"]
    failed = CliRunner().invoke(clips.main, command)
    assert failed.exit_code == 1
    assert "Traceback" not in failed.output
    assert str(tmp_path / "clips") in failed.output
