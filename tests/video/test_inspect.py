from __future__ import annotations

import json

from vidgan.video.inspect import inspect


def test_facts_are_json(av_clip):
    facts = inspect(av_clip)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["rate"] == "25"
    assert facts["audio"]["codec"] == "aac"
    assert facts["av_offset"] is not None
    assert "frames_read" not in facts


def test_counting(fractional_rate_clip):
    facts = inspect(fractional_rate_clip, count=True)
    assert facts["rate"] == "30000/1001"
    assert facts["frames_read"] == facts["frames"] == 30
    assert facts["last_time"] == "29029/30000"
    assert facts["av_offset"] is None


def test_a_cut_file_is_said(truncated_clip):
    facts = inspect(truncated_clip, count=True)
    assert facts["frames_read"] < facts["frames"]
    assert any("cut off" in note for note in facts["notes"])


def test_what_reading_does_is_said(rotated_clip):
    assert any("turned by 90" in note for note in inspect(rotated_clip)["notes"])
