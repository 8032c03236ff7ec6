from __future__ import annotations

import json
import shutil

import pytest

from tests.report.test_page import Page
from vidgan.clips.model import ClipSet
from vidgan.errors import OutputError, TrainingError, UsageError
from vidgan.progress import Silent
from vidgan.report.run_data import Evaluation
from vidgan.runs.evaluate import Options
from vidgan.runs.evaluate_run import evaluate_run

FEW = Options(clips=4)


@pytest.fixture(scope="module")
def results(trained, tmp_path_factory):
    """An evaluated run of four steps; its folder is a copy."""
    run = shutil.copytree(trained, tmp_path_factory.mktemp("evaluated") / "run")
    return evaluate_run(run, None, None, None, FEW, Silent())


def test_the_results_lie_in_the_run(results):
    assert results.page.name == "report.html"
    assert results.json.parent == results.page.parent
    assert Evaluation.model_validate(json.loads(results.json.read_text())) == results.data
    assert (results.data.frames, results.data.size, results.data.clips) == (4, 32, 4)
    assert not list(results.page.parent.glob("*.tmp"))


def test_the_page_shows_clips_curves_and_settings(results):
    page = Page(results.page.read_text())
    videos = [attributes["src"] for tag, attributes in page.tags if tag == "video"]
    assert len(videos) == 2
    assert all(uri.startswith("data:video/mp4;base64,") for uri in videos)
    assert [tag for tag, _ in page.tags].count("img") >= 2 + 4
    assert "held-out motion Fréchet distance" in page.text
    assert "generator · latent" in page.text


def test_classes_are_asked_for_and_scored(results):
    assert {row.name for row in results.data.classes} <= {"falls", "slides"}
    assert results.data.score("class_accuracy") is not None


def test_a_network_file_is_scored_on_clips_given(trained, strips, tmp_path):
    file = shutil.copy(trained / "model.safetensors", tmp_path / "model.safetensors")
    progress = Silent()
    results = evaluate_run(file, strips, None, tmp_path / "results", FEW, progress)
    assert results.page.parent == tmp_path / "results"
    assert any("does not say its training clips" in note for note in progress.notes)
    prepared = ClipSet.load(tmp_path / "results" / "evaluation" / "clips")
    assert len(prepared) == 8


def test_a_network_file_alone_asks_for_clips(trained, tmp_path):
    file = shutil.copy(trained / "model.safetensors", tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="give the folder of the run, or CLIPS"):
        evaluate_run(file, None, None, tmp_path / "results", FEW, Silent())


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(TrainingError, match="no run is there"):
        evaluate_run(tmp_path, None, None, None, FEW, Silent())


def test_a_folder_that_cannot_be_written_is_said_before_any_work(trained, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="-o"):
        evaluate_run(trained, None, None, tmp_path / "file", FEW, Silent())
