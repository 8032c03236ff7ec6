from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from vidgan.errors import CacheError, Interrupted, PersonError, VidganError
from vidgan.stages.worker import StageCrashedError


def test_a_second_run_does_nothing_twice(bench):
    bench.run()
    first = {entry.name: entry.used() for entry in bench.store.entries()}
    assert bench.actions() == dict.fromkeys(("first", "second", "third"), "cached")
    bench.run()
    assert {entry.name: entry.used() for entry in bench.store.entries()} == first
    assert [event["action"] for event in bench.events if event["event"] == "stage"] == ["cached"] * 3


def test_stages_get_the_finished_directories_of_their_inputs(bench):
    done = bench.run()
    assert done["first"].facts["inputs"] == {"video": str(bench.film)}
    second = bench.store.entry("second", done["second"].key).dir
    first = bench.store.entry("first", done["first"].key).dir
    assert done["third"].facts["inputs"] == {"before": str(second), "model": str(first)}


def test_isolated_stages_have_their_own_process(bench):
    done = bench.run()
    assert done["first"].facts["pid"] != os.getpid()
    assert done["second"].facts["pid"] == os.getpid()


def test_isolated_stages_that_are_ready_run_at_the_same_time(bench):
    stage = {"stage": "tests.stages.fakes:Together", "config": "count", "inputs": {"video": "film"}}
    stages = [{"name": "left", **stage}, {"name": "right", **stage}]
    bench.write({"name": "two", "inputs": ["film"], "stages": stages, "outputs": {"video": "left/steps.txt"}})
    done = bench.run()
    assert done["left"].warnings == ["together is warned"]
    assert {event["stage"] for event in bench.events if event["event"] == "warning"} == {"left", "right"}


def test_events_tell_the_whole_story(bench):
    bench.run()
    for stage in ("first", "second"):
        story = [event for event in bench.events if event["stage"] == stage]
        assert [event["event"] for event in story[:2]] == ["stage", "start"]
        assert story[-2]["event"] == "progress"
        assert (story[-2]["done"], story[-2]["total"], story[-2]["info"]) == (3, 3, {"level": 2.0})
        assert story[-1]["event"] == "done"


def test_manifest_has_files_time_and_memory(bench):
    done = bench.run()
    for manifest in done.values():
        assert manifest.files["steps.txt"].size == 6
        assert list(manifest.files) == ["steps.txt"]
        assert manifest.seconds > 0
        assert 5 < manifest.memory_mb < 5000


@pytest.mark.parametrize("stage", ["first", "second", "third"])
def test_kill_9_in_every_stage_and_run_again(bench, stage):
    bench.fault(stage, 2, "kill")
    code = (
        "import sys; from pathlib import Path; from tests.stages.conftest import Bench;"
        "bench = Bench.__new__(Bench); bench.folder = Path(sys.argv[1]); bench.film = bench.folder / 'film.mp4';"
        "bench.work = bench.folder / 'work'; bench.path = bench.folder / 'pipeline.yaml'; bench.events = [];"
        "bench.run()"
    )
    dead = subprocess.run([sys.executable, "-c", code, str(bench.folder)], capture_output=True, text=True)
    assert dead.returncode == (1 if stage == "first" else -signal.SIGKILL), dead.stderr
    assert ("first was killed by SIGKILL (out of memory?)" in dead.stderr) == (stage == "first")
    bench.fault(stage, None)
    assert bench.actions()[stage] == "resume"
    assert bench.reasons()[stage] == "an earlier run was not finished"
    done = bench.run()
    assert done[stage].facts["resumed_at"] == 2
    assert bench.actions() == dict.fromkeys(("first", "second", "third"), "cached")
    assert not list(bench.work.glob("*.partial"))


def test_an_error_in_a_child_is_the_same_error_here(bench):
    bench.fault("first", 1, "fail")
    with pytest.raises(PersonError, match="^nobody is there$"):
        bench.run()


def test_a_fault_in_a_child_is_named_with_its_traceback(bench):
    bench.fault("first", 1, "crash")
    with pytest.raises(StageCrashedError, match="first crashed: KeyError: 'hips'") as caught:
        bench.run()
    assert "fakes.py" in caught.value.__notes__[0]


def test_finished_stages_stay_finished_when_a_later_one_fails(bench):
    bench.fault("third", 0, "fail")
    with pytest.raises(PersonError):
        bench.run()
    assert bench.actions() == {"first": "cached", "second": "cached", "third": "run"}


@pytest.mark.parametrize("stage", ["first", "second"])
def test_a_full_disk_is_one_line(bench, stage):
    bench.fault(stage, 1, "full")
    with pytest.raises(CacheError, match="no space is left for the work folder .*--work"):
        bench.run()


def test_a_file_over_the_system_s_limit_is_one_line(bench):
    bench.fault("second", 1, "large")
    with pytest.raises(CacheError, match=r"a file in the work folder .* lift ulimit -f"):
        bench.run()


def test_a_child_that_dies_before_its_stage_is_reported(bench, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(VidganError, match="first ended with exit code 1"):
        bench.run()


@pytest.mark.parametrize("stage", ["first", "second"])
def test_interrupt_says_where_and_ends_the_children(bench, stage):
    bench.fault(stage, 1, "wait")
    waiting = bench.faults / f"{stage}.waiting"

    def interrupt():
        while not waiting.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(Interrupted, match=f"^interrupted in {stage}; run the same command again to go on$"):
        bench.run()
    assert bench.actions()[stage] == "resume"
    bench.fault(stage, None)
    assert bench.run()[stage].facts["resumed_at"] == 1


def test_a_child_ends_when_its_parent_is_killed(bench):
    bench.fault("first", 1, "wait")
    code = (
        "import sys; from pathlib import Path; from tests.stages.conftest import Bench;"
        "bench = Bench.__new__(Bench); bench.folder = Path(sys.argv[1]); bench.film = bench.folder / 'film.mp4';"
        "bench.work = bench.folder / 'work'; bench.path = bench.folder / 'pipeline.yaml'; bench.events = [];"
        "bench.run()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(bench.folder)])
    while not (bench.faults / "first.waiting").exists():
        assert parent.poll() is None
        time.sleep(0.01)
    parent.kill()
    parent.wait()
    entry = next(iter(bench.store.entries()))
    with bench.store.lock(entry):  # the child holds it while it lives
        assert entry.started()


def test_two_commands_share_one_run(bench, single):
    single("Count")
    bench.fault("only", 1, "wait")
    results = []
    threads = [threading.Thread(target=lambda: results.append(bench.run())) for _ in range(2)]
    threads[0].start()
    while not (bench.faults / "only.waiting").exists():
        time.sleep(0.01)
    threads[1].start()
    while not any(event["event"] == "note" for event in bench.events):
        time.sleep(0.01)
    assert any("another process works on only-" in event.get("message", "") for event in bench.events)
    bench.fault("only", None)
    for thread in threads:
        thread.join()
    assert results[0] == results[1]


def test_seconds_go_on_after_a_kill(bench, single):
    single("Count")
    entry = bench.plan().stages[0].job.entry(bench.store)
    entry.clock.write_text("100.0")
    assert bench.run()["only"].seconds > 100
    assert not entry.clock.exists()
