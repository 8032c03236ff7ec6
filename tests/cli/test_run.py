from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest


@pytest.fixture
def run(vidgan, folder):
    def go(*args):
        return vidgan("run", "fake.yaml", "film=film.mp4", "--device", "cpu", *args)

    return go


def test_the_results_are_placed_and_named(run, folder):
    code, out, err = run("-o", "out/result.mp4")
    assert code == 0, err
    assert out.splitlines() == ["video   out/result.mp4", "report  out/result.steps.txt"]
    assert (folder / "out" / "result.mp4").read_text() == "0\n1\n2\n"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["result.mp4", "result.steps.txt"]


def test_lines_on_stderr_tell_what_runs(run):
    _, _, err = run()
    lines = err.splitlines()
    assert lines[0] == "device cpu: as asked"
    assert lines[1] == "first: run (first run)"
    assert lines[2].startswith("first: done in ")
    _, _, err = run("--seed", "3")
    assert "first: cached" in err
    assert "second: run (seed 0 -> 3)" in err


def test_dry_run_prints_the_plan_and_does_nothing(run, folder):
    code, out, _ = run("--dry-run")
    assert code == 0
    assert out.splitlines() == ["first   run     first run", "second  run     first run"]
    assert not list((folder / "work").glob("*.partial"))
    run()
    assert "first   cached" in run("--dry-run", "--set", "more.fps=30")[1]
    assert "second  run     config.fps changed 25 -> 30" in run("--dry-run", "--set", "more.fps=30")[1]


def test_json_gives_events_and_the_result_last(run, folder):
    code, out, err = run("--json", "-o", "r.mp4")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {"stage", "start", "progress", "done", "note"} <= {event["event"] for event in events}
    assert events[-1] == {"event": "result", "video": "r.mp4", "report": "r.steps.txt"}
    plan = json.loads(run("--json", "--dry-run")[1].splitlines()[-1])
    assert plan["stages"][0] == {"stage": "first", "action": "cached", "reason": ""}


def test_json_ends_with_the_error(run, folder):
    (folder / "faults" / "second").write_text("1 fail")
    code, out, err = run("--json")
    assert code == 1
    assert json.loads(out.splitlines()[-1]) == {"event": "error", "type": "PersonError", "message": "nobody is there"}
    assert err == "vidgan: nobody is there\n"


def test_quiet_says_nothing(run):
    assert run("--quiet") == (0, "", "")


def test_settings_from_a_file_and_from_the_line(run, folder):
    (folder / "mine.yaml").write_text("more:\n  steps: 5\ncount:\n  steps: 1\n")
    assert run("--config", "mine.yaml", "--set", "count.steps=2", "-o", "o.mp4")[0] == 0
    assert (folder / "o.mp4").read_text().count("\n") == 5
    assert (folder / "o.steps.txt").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["--set", "more.step=3"], 2, "unknown key more.step in --set more.step=3: did you mean more.steps?"),
        (["--config", "none.yaml"], 2, "cannot read the configuration none.yaml: No such file or directory"),
        (["--device", "tpu"], 2, "--device takes auto, cpu, cuda or cuda:N, not 'tpu'"),
        (["--preset", "best"], 2, "there is no file fake/best"),
        (["-o", "film.mp4"], 1, "film.mp4: is also an input"),
        (["-o", "out.txt"], 2, "output out.txt must end in .mp4"),
        (["-o", "."], 1, "is a directory"),
        (["--work", "film.mp4"], 1, "cannot write the work folder"),
        (["other=film.mp4"], 2, "pipeline fake has no input other: it takes film=FILE"),
    ],
)
def test_errors_are_one_line_before_any_work(run, folder, args, code, says):
    assert run(*args)[0] == code
    _, out, err = run(*args)
    assert err.startswith("vidgan: ")
    assert says in err
    assert err.count("\n") == 1
    assert out == ""
    assert not list((folder / "work").glob("*-*"))


def test_a_missing_input_is_named(vidgan, folder):
    assert vidgan("run", "fake.yaml")[2] == "vidgan: pipeline fake needs film=FILE: it takes film=FILE\n"
    assert vidgan("run", "fake.yaml", "film=x.mp4")[:1] == (1,)


def test_a_fault_of_ours_is_one_line_too(run, folder):
    for stage in ("first", "second"):
        (folder / "faults" / stage).write_text("1 crash")
        code, _, err = run("--quiet")
        assert code == 1
        assert "KeyError: 'hips' (a fault in vidgan: set VIDGAN_DEBUG=1 to see where)" in err
        assert err.count("\n") == 1
        (folder / "faults" / stage).unlink()


@pytest.mark.parametrize("stage", ["first", "second"])
def test_debug_shows_where(run, folder, monkeypatch, stage):
    monkeypatch.setenv("VIDGAN_DEBUG", "1")
    (folder / "faults" / stage).write_text("1 crash")
    code, _, err = run()
    assert code == 1
    assert "fakes.py" in err


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stage", ["first", "second"])
def test_a_signal_ends_with_130_and_the_same_command_goes_on(run, folder, stage, signum):
    (folder / "faults" / stage).write_text("1 wait")
    command = [sys.executable, "-m", "vidgan.cli.main", "run", "fake.yaml", "film=film.mp4", "--device", "cpu"]
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})
    while not (folder / "faults" / f"{stage}.waiting").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signum)
    _, err = process.communicate()
    assert process.returncode == 130
    assert err.splitlines()[-1] == f"vidgan: interrupted in {stage}; run the same command again to go on"
    (folder / "faults" / stage).unlink()
    assert f"{stage}: resume (an earlier run was not finished)" in run()[2]


def test_a_script_needs_no_main_guard(folder):
    (folder / "script.py").write_text(
        "from vidgan import api\n"
        "run = api.prepare('fake.yaml', {'film': 'film.mp4'}, 'o.mp4', device='cpu')\n"
        "print(run.go().video)\n"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}
    )
    assert (done.stdout, done.stderr) == ("o.mp4\n", "")
