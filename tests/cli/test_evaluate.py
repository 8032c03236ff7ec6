from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

import vidgan.runs.evaluate_run
from tests.report.test_run_page import evaluation


@pytest.fixture
def asked(monkeypatch):
    """What the command asks for, without doing it."""
    calls = []

    def evaluate_run(*arguments):
        calls.append(arguments)
        return SimpleNamespace(data=evaluation(), json=Path("run/evaluation.json"), page=Path("run/report.html"))

    monkeypatch.setattr(vidgan.runs.evaluate_run, "evaluate_run", evaluate_run)
    return calls


def test_the_table_and_where_the_results_are(vidgan, asked):
    code, out, _ = vidgan("evaluate", "run", "clips", "--against", "others", "-n", 20, "--seed", 3, "--device", "cpu")
    assert code == 0
    assert "motion frechet" in out
    assert out.endswith("report      run/report.html\nevaluation  run/evaluation.json\n")
    run, clips, against, output, options, _ = asked[0]
    assert (run, clips, against, output) == (Path("run"), Path("clips"), Path("others"), None)
    assert (options.clips, options.seed, options.device, options.i3d) == (20, 3, "cpu", None)


def test_one_object_at_the_end(vidgan, asked):
    _, out, _ = vidgan("evaluate", "run", "--json", "--device", "cpu")
    result = json.loads(out.splitlines()[-1])
    assert result["event"] == "result"
    assert result["data"]["scores"][0]["key"] == "motion_frechet"


def test_quiet_prints_nothing(vidgan, asked):
    assert vidgan("evaluate", "run", "--quiet", "--device", "cpu")[1] == ""


def test_networks_of_the_user(vidgan, asked):
    vidgan("evaluate", "run", "--i3d", "i.pt", "--c3d", "c.pt", "--c3d-sha256", "ab", "--device", "cpu")
    options = asked[0][4]
    assert (options.i3d, options.i3d_sha256, options.c3d, options.c3d_sha256) == (
        Path("i.pt"),
        None,
        Path("c.pt"),
        "ab",
    )


def test_what_is_no_run_is_one_line(vidgan, folder):
    code, out, err = vidgan("evaluate", ".", "--device", "cpu")
    assert (code, out) == (1, "")
    assert "no run is there" in err
    assert err.count("\n") == 1
