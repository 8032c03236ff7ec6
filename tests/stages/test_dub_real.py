"""A dub of real footage, where there is some: two seconds of a speaker, with the sentence of another."""

from __future__ import annotations

import json

import vidgan


def test_two_seconds_of_a_speaker_run_and_are_said_to_be_too_little(data_dir, tmp_path):
    events = []
    faces = data_dir / "face"
    result = vidgan.dub(
        faces / "grid_bbaf2n.mpg", faces / "grid_lbbc2a.mpg", tmp_path / "out.mp4", speaker="auto",
        overrides=["voice.steps=20", "voice.members=1"], work=tmp_path / "work", emit=events.append,
    )  # fmt: skip
    warnings = [event["message"] for event in events if event["event"] == "warning"]
    assert any("too little for more than a rough following" in message for message in warnings)
    data = json.loads(result.outputs["data"].read_text())
    assert data["frames"]["dubbed"] == 75
    assert data["mouth"]["asked"] > 0.9
    assert data["outside_psnr"] == 100
    assert result.video.stat().st_size > 10_000
