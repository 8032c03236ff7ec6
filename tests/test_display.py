from __future__ import annotations

import io
import json
import threading

import pytest

from vidgan.display import Bars, JsonLines, Lines, Quiet, choose_display, seconds
from vidgan.progress import EventProgress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def play(display, stage="pose"):
    """A stage's whole life."""
    with display:
        display.emit({"event": "stage", "stage": stage, "action": "run", "reason": "first run"})
        progress = EventProgress(stage, display.emit, interval=0)
        progress.start("detect", 4)
        for level in range(4):
            progress.advance(level=level, name="x")
        progress.note("on the cpu")
        progress.warn("no person in 2 frames")
        display.emit({"event": "done", "stage": stage, "seconds": 65.0, "memory_mb": 1.0})
    return display.stream.getvalue()


def test_lines_say_what_is_worth_a_line():
    assert play(Lines(io.StringIO())).splitlines() == [
        "pose: run (first run)",
        "pose: on the cpu",
        "warning: pose: no person in 2 frames",
        "pose: done in 1 min 05 s",
    ]


def test_quiet_shows_only_warnings():
    assert play(Quiet(io.StringIO())) == "warning: pose: no person in 2 frames\n"


def test_json_lines_are_one_object_each():
    events = [json.loads(line) for line in play(JsonLines(io.StringIO(), interval=0)).splitlines()]
    assert [event["event"] for event in events] == [
        "stage", "start", "progress", "progress", "progress", "progress", "note", "warning", "done",
    ]  # fmt: skip
    assert events[3] == {
        "event": "progress", "stage": "pose", "label": "detect", "total": 4, "unit": "frames", "done": 2.0,
        "info": {"level": 1.0, "name": "x"},
    }  # fmt: skip


def test_json_progress_is_throttled_but_its_end_is_always_there():
    events = [json.loads(line) for line in play(JsonLines(io.StringIO(), interval=60)).splitlines()]
    assert [event["done"] for event in events if event["event"] == "progress"] == [1, 4]


def test_bars_show_rate_and_leave_nothing_behind():
    shown = play(Bars(Terminal()))
    assert "pose: detect" in shown
    assert "4/4" in shown
    assert "frames/s" in shown
    assert "level=3" in shown
    lines = [line.rpartition("\r")[2].strip() for line in shown.split("\n")]
    assert [line for line in lines if line] == [
        "pose: on the cpu",
        "warning: pose: no person in 2 frames",
        "pose: done in 1 min 05 s",
    ]


def test_bars_of_stages_that_run_together():
    display = Bars(Terminal())
    with display:
        threads = [threading.Thread(target=play_open, args=(display, stage)) for stage in ("source", "target")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(display._bars) == {"source", "target"}
    assert not display._bars


def play_open(display, stage):
    progress = EventProgress(stage, display.emit, interval=0)
    progress.start("detect", None)
    for _ in range(50):
        progress.advance()


def test_a_bar_of_time_is_in_seconds():
    display = Bars(Terminal())
    with display:
        progress = EventProgress("train", display.emit, interval=0)
        progress.start("train", 300, "s", done=12)
        progress.advance(1000)  # more than there was to do
    assert "300/300 s" in display.stream.getvalue()


@pytest.mark.parametrize(
    ("asked", "stream", "kind"),
    [
        ({}, Terminal(), Bars),
        ({}, io.StringIO(), Lines),
        ({"quiet": True}, Terminal(), Quiet),
        ({"as_json": True}, Terminal(), JsonLines),
    ],
)
def test_which_display(asked, stream, kind):
    assert type(choose_display(**asked, stream=stream)) is kind


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (185.4, "3 min 05 s"), (3720, "1 h 02 min")],
)
def test_seconds_for_people(value, text):
    assert seconds(value) == text


def test_event_progress_keeps_warnings_and_counts():
    events = []
    progress = EventProgress("train", events.append, interval=60)
    progress.start("train", 10, "steps", done=4)
    for _ in range(6):
        progress.advance(loss=0.5)
    progress.warn("a")
    progress.note("b")
    assert (progress.warnings, progress.notes) == (["a"], ["b"])
    assert [event.get("done") for event in events[:3]] == [4, 5, 10]
