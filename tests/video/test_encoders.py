from __future__ import annotations

import os
from fractions import Fraction

import numpy as np
import pytest

from vidgan.errors import DeviceError, UsageError
from vidgan.video import encoders
from vidgan.video.encoders import ENCODERS, EncoderProbe, choose_encoder, list_encoders
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter


@pytest.mark.parametrize("codec", ENCODERS)
def test_the_software_encoder_works(codec):
    probes = list_encoders(codec)
    assert [probe.name for probe in probes] == list(ENCODERS[codec])
    assert probes[-1].works
    assert all(probe.detail for probe in probes if not probe.works)


@pytest.fixture
def no_nvenc(monkeypatch):
    def refuse(name, gpu=0):
        return EncoderProbe(name, not name.endswith("_nvenc"), "Operation not permitted")

    monkeypatch.setattr(encoders, "try_encoder", refuse)


@pytest.fixture
def all_work(monkeypatch):
    monkeypatch.setattr(encoders, "try_encoder", lambda name, gpu=0: EncoderProbe(name, True, ""))


@pytest.mark.usefixtures("no_nvenc")
def test_falls_back_aloud():
    name, why = choose_encoder("h264", device="cuda:0")
    assert name == "libx264"
    assert "h264_nvenc does not open here (Operation not permitted)" in why


@pytest.mark.usefixtures("all_work")
def test_the_gpu_encoder_is_taken_when_it_opens():
    assert choose_encoder("h264", device="cuda")[0] == "h264_nvenc"
    assert choose_encoder("h264", device="cpu")[0] == "libx264"
    assert choose_encoder("hevc", "libx265", device="cuda")[0] == "libx265"


@pytest.mark.usefixtures("no_nvenc")
def test_an_encoder_asked_for_is_not_replaced():
    with pytest.raises(DeviceError, match="av1_nvenc does not open"):
        choose_encoder("av1", "av1_nvenc")


def test_unknown_names():
    with pytest.raises(UsageError, match="h264, hevc, av1"):
        list_encoders("divx")
    with pytest.raises(UsageError, match="libx264"):
        choose_encoder("h264", "libx265")


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="the system has no scheduling policies")
@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_an_encoder_leaves_the_scheduling_of_its_process_alone(codec, tmp_path):
    before = os.sched_getscheduler(0)
    encoders.try_encoder.cache_clear()
    with ClipWriter(tmp_path / "clip.mp4", 64, 64, Fraction(25), codec=codec, device="cpu") as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8), Fraction(0))
        assert os.sched_getscheduler(0) == before
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_clips_are_written_every_time(codec, frames, tmp_path):
    for attempt in range(4):  # what libx265 gave as decoding times changed from one attempt to the next
        with ClipWriter(tmp_path / f"{attempt}.mp4", 64, 64, Fraction(25), codec=codec, device="cpu") as writer:
            for number in range(frames):
                writer.write(np.full((64, 64, 3), 40 * number, np.uint8), Fraction(number, 25))
        with ClipReader(tmp_path / f"{attempt}.mp4") as reader:
            assert [frame.time for frame in reader] == [Fraction(number, 25) for number in range(frames)]
