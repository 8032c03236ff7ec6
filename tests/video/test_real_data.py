"""Real footage, where it is there: every file reads through, and no frame of it is lost."""

from __future__ import annotations

import pytest

from vidgan.video.audio import av_offset
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader

CLIPS = {
    "body/dance_woman_16fps.mp4": (150, 692, 1108),
    "body/dance_rooftop_24fps.mp4": (212, 720, 1280),
    "body/taichi_monk_10fps.mp4": (280, 256, 256),
    "body/squats_woman_5fps.mp4": (65, 720, 1280),
    "body/treadmill_cam02.mp4": (100, 1080, 1920),
    "face/talk_woman_hevc_25fps.mp4": (250, 1080, 1920),
    "face/talk_man_22fps.mp4": (135, 700, 700),
    "face/grid_bbaf2n.mpg": (75, 360, 288),
}


@pytest.mark.parametrize("name", CLIPS)
def test_reads_through(data_dir, name):
    count, width, height = CLIPS[name]
    with ClipReader(data_dir / name, max_side=256) as clip:
        times = [frame.time for frame in clip]
    assert len(times) == count
    assert times == sorted(set(times))
    assert (clip.info.width, clip.info.height) == (width, height)
    assert not any("cut" in note or "damaged" in note for note in clip.notes)


def test_the_22_fps_clip_keeps_its_odd_rate_and_offset(data_dir):
    path = data_dir / "face" / "talk_man_22fps.mp4"
    info = probe(path)
    assert 22 < info.rate < 22.2
    assert info.variable_rate
    assert av_offset(path) == -info.start
