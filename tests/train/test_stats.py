from __future__ import annotations

import json

import pytest

from vidgan.train.stats import Stats


def rows(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def run(folder, first, last, resumed_at=0, every=2, pending=None):
    stats = Stats(folder, resumed_at, pending)
    for step in range(first, last + 1):
        stats.report(loss=float(step))
        if step % every == 0:
            stats.write(step, score=10.0 - step)
    stats.close()
    return dict(stats.pending)


def test_a_line_is_the_mean_since_the_last_one(tmp_path):
    run(tmp_path, 1, 4)
    assert rows(tmp_path) == [{"step": 2, "loss": 1.5, "score": 8.0}, {"step": 4, "loss": 3.5, "score": 6.0}]


def test_a_resumed_file_reads_as_an_uninterrupted_one(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir(), cut.mkdir()
    run(whole, 1, 8)
    run(cut, 1, 6)
    run(cut, 5, 8, resumed_at=4)
    assert rows(cut) == rows(whole)


def test_values_that_waited_for_their_line_are_taken_up(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir(), cut.mkdir()
    run(whole, 1, 6, every=3)
    pending = run(cut, 1, 4, every=3)
    run(cut, 5, 6, resumed_at=4, every=3, pending=pending)
    assert rows(cut) == rows(whole)


@pytest.mark.parametrize("torn", ['{"step": 6, "lo', "{}", "null", "12", "not json"])
def test_a_torn_last_line_is_dropped(tmp_path, torn):
    run(tmp_path, 1, 4)
    with (tmp_path / "stats.jsonl").open("a") as file:
        file.write(torn)
    run(tmp_path, 5, 6, resumed_at=4)
    assert [row["step"] for row in rows(tmp_path)] == [2, 4, 6]


def test_tensorboard_has_the_same_values(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(tmp_path, 1, 4)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(2, 1.5), (4, 3.5)]


def test_values_are_not_kept_to_meaningless_digits(tmp_path):
    stats = Stats(tmp_path, 0)
    stats.report(loss=1 / 3)
    assert stats.write(1)["loss"] == 1 / 3
    stats.close()
    assert rows(tmp_path) == [{"step": 1, "loss": 0.333333}]
