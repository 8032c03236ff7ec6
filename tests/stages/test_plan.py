from __future__ import annotations

import os

import pytest

from tests.stages import fakes
from vidgan.errors import MediaError
from vidgan.stages.plan import changes


def test_everything_is_a_first_run_at_first(bench):
    assert bench.reasons() == dict.fromkeys(("first", "second", "third"), "first run")


def test_a_setting_reruns_its_stage_and_what_depends_on_it(bench):
    bench.run()
    assert bench.actions("more.fps=30") == {"first": "cached", "second": "run", "third": "run"}
    assert bench.reasons("more.fps=30")["second"] == "config.fps changed 25 -> 30"
    assert bench.reasons("more.fps=30")["third"] == "input before changed"


def test_going_back_to_a_setting_finds_the_old_result(bench):
    bench.run()
    bench.run("more.fps=30")
    assert set(bench.actions().values()) == {"cached"}


def test_runtime_settings_rerun_nothing(bench):
    bench.run()
    assert set(bench.actions("count.workers=8").values()) == {"cached"}


def test_a_changed_file_reruns_all_that_comes_from_it(bench):
    bench.run()
    bench.film.write_bytes(b"other film")
    assert bench.reasons() == {
        "first": "input video changed",
        "second": "input before changed",
        "third": "input before changed, input model changed",
    }


def test_a_touched_file_reruns_nothing(bench):
    bench.run()
    os.utime(bench.film, (1, 1))
    assert set(bench.actions().values()) == {"cached"}


def test_the_file_of_a_setting_counts_by_its_content(bench, tmp_path):
    notes = tmp_path / "notes.json"
    notes.write_text("a")
    bench.run(f"last.note={notes}")
    assert bench.actions(f"last.note={notes}")["third"] == "cached"
    notes.write_text("b")
    assert bench.actions(f"last.note={notes}") == {"first": "cached", "second": "cached", "third": "run"}


def test_what_comes_with_vidgan_counts_by_its_content(single, monkeypatch, tmp_path):
    bench, weights = single("Count"), tmp_path / "weights"
    monkeypatch.setattr(fakes.Count, "shipped", lambda stage: {"weights": weights})
    weights.write_bytes(b"a")
    bench.run()
    assert set(bench.actions().values()) == {"cached"}
    weights.write_bytes(b"b")
    assert list(bench.reasons().values()) == ["input weights changed"]


def test_a_new_version_reruns_its_stage(single, monkeypatch):
    bench = single("Count")
    bench.run()
    monkeypatch.setattr(fakes.Count, "version", 2)
    assert bench.reasons() == {"only": "stage version 1 -> 2"}


def test_seed_counts_only_for_seeded_stages(single):
    bench = single("Count")
    assert bench.run(seed=7)["only"].facts["seed"] == 0
    assert bench.actions(seed=8) == {"only": "cached"}
    single("Random")
    assert bench.run(seed=7)["only"].facts["seed"] == 7
    assert bench.reasons(seed=8) == {"only": "seed 7 -> 8"}


def test_a_larger_budget_goes_on_from_the_smaller_one(single):
    bench = single("Count")
    assert bench.run("count.budget=1m")["only"].facts["previous"] is None
    small = bench.plan("count.budget=1m").stages[0].job.entry(bench.store).dir
    assert bench.run("count.budget=5m")["only"].facts["previous"] == str(small)
    assert bench.run("count.budget=30s")["only"].facts["previous"] is None
    assert bench.run("count.budget=9m", "count.fps=30")["only"].facts["previous"] is None


def test_a_stage_that_is_off_gives_none(bench):
    pipeline = {
        "name": "maybe",
        "inputs": ["film"],
        "stages": [
            {"name": "model", "stage": "tests.stages.fakes:Count", "config": "train", "when": "train.enabled"},
            {"name": "shown", "stage": "tests.stages.fakes:Random", "config": "show", "inputs": {"model": "model"}},
        ],
        "outputs": {"video": "shown/steps.txt"},
    }
    bench.write(pipeline)
    assert bench.run("train.enabled=false")["shown"].facts["inputs"] == {"model": "None"}
    assert bench.reasons() == {"model": "first run", "shown": "input model is on"}


def test_fixed_settings_of_the_pipeline_win(single):
    bench = single("Count", set={"steps": 5})
    assert bench.run("count.steps=2")["only"].files["steps.txt"].size == 10


def test_damaged_files_are_made_again(bench):
    done = bench.run()
    (bench.store.entry("second", done["second"].key).dir / "steps.txt").write_text("")
    assert bench.actions() == {"first": "cached", "second": "run", "third": "cached"}
    assert bench.reasons()["second"] == "its files in the work folder are damaged"
    bench.run()
    assert set(bench.actions().values()) == {"cached"}


def test_an_unreadable_input_is_one_line(bench):
    bench.film.unlink()
    with pytest.raises(MediaError, match="cannot read .*film.mp4: No such file"):
        bench.plan()


def test_the_plan_prints_a_line_for_each_stage(bench):
    bench.run()
    assert str(bench.plan("last.fps=30")).splitlines() == [
        "first   cached",
        "second  cached",
        "third   run     config.fps changed 25 -> 30",
    ]


def test_changes_are_named_at_any_depth():
    assert changes({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == [
        "a.c changed 2 -> 3",
        "d changed None -> 4",
    ]
