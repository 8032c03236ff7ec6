from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from vidgan.video.probe import probe


def test_plain(plain_clip):
    info = probe(plain_clip)
    assert (info.width, info.height) == (96, 64)
    assert info.rate == 25
    assert info.frames == 30
    assert info.duration == Fraction(30, 25)
    assert info.start == 0
    assert info.codec == "h264"
    assert info.bit_depth == 8
    assert info.matrix == "bt709"
    assert info.audio is None
    assert [info.variable_rate, info.interlaced, info.hdr, info.full_range] == [False] * 4


def test_rates_stay_fractions(fractional_rate_clip):
    info = probe(fractional_rate_clip)
    assert info.rate == Fraction(30000, 1001)
    assert not info.variable_rate


def test_variable_rate_is_seen(vfr_clip):
    assert probe(vfr_clip).variable_rate


def test_b_frames_are_not_a_variable_rate(bframes_clip):
    assert not probe(bframes_clip).variable_rate


def test_rotation_is_in_the_size(rotated_clip):
    info = probe(rotated_clip)
    assert info.rotation == 90
    assert (info.width, info.height) == (64, 96)


def test_pixel_aspect_is_in_the_size(anamorphic_clip):
    info = probe(anamorphic_clip)
    assert (info.width, info.height) == (96, 64)


def test_colour_facts(full_range_clip, bt601_clip, hdr_clip, ten_bit_clip):
    assert probe(full_range_clip).full_range
    assert probe(bt601_clip).matrix == "bt601"
    assert probe(hdr_clip).hdr
    assert probe(hdr_clip).matrix == "bt2020"
    assert probe(ten_bit_clip).bit_depth == 10
    assert not probe(ten_bit_clip).hdr


def test_interlaced_is_seen(interlaced_clip):
    assert probe(interlaced_clip).interlaced


def test_audio_facts(av_clip, late_audio_clip):
    audio = probe(av_clip).audio
    assert audio is not None
    assert (audio.codec, audio.sample_rate, audio.channels) == ("aac", 44100, 1)
    assert float(audio.duration) == pytest.approx(2.5, abs=0.05)
    assert float(probe(late_audio_clip).audio.start) == pytest.approx(0.3, abs=0.03)


def test_late_start(late_start_clip):
    assert probe(late_start_clip).start == Fraction(2, 5)


def test_one_frame(one_frame_clip):
    assert probe(one_frame_clip).frames == 1


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_still_picture(tmp_path, suffix):
    path = tmp_path / f"still.{suffix}"
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    info = probe(path)
    assert info.frames == 1
    assert (info.width, info.height) == (60, 40)


def test_names_with_colons_and_percent_signs(tmp_path, plain_clip):
    path = tmp_path / "12:30 take %03d.mp4"
    path.write_bytes(plain_clip.read_bytes())
    assert probe(path).frames == 30
