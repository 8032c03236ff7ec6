from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from vidgan.metrics import av_sync as module
from vidgan.metrics.av_sync import av_sync


@pytest.fixture
def offsets(monkeypatch):
    known = {}
    monkeypatch.setattr(module, "av_offset", lambda path: known[path.name])
    return known


@pytest.mark.parametrize(
    ("ours", "frames", "in_sync"), [("1/10", 0, True), ("3/25", 0.5, True), ("13/100", 0.75, False), ("0", -2.5, False)]
)
def test_shift_is_told_in_frames_and_half_a_frame_is_the_limit(offsets, ours, frames, in_sync):
    offsets |= {"out.mp4": Fraction(ours), "in.mp4": Fraction(1, 10)}
    sync = av_sync(Path("out.mp4"), Path("in.mp4"), Fraction(25))
    assert sync.frames == pytest.approx(frames)
    assert sync.shift == pytest.approx(frames / 25)
    assert sync.in_sync is in_sync


def test_without_sound_there_is_nothing_out_of_sync(offsets):
    offsets |= {"out.mp4": None, "in.mp4": Fraction(1, 10)}
    sync = av_sync(Path("out.mp4"), Path("in.mp4"), Fraction(25))
    assert (sync.output, sync.origin, sync.shift, sync.frames) == (None, 0.1, None, None)
    assert sync.in_sync
