"""Sound stays with its picture: in the made clips a click falls on the one white frame."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.video.clips import click, click_time, numbered_frame, sound_span, write_clip
from vidgan.errors import MediaError, OutputError
from vidgan.video.audio import av_offset
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

HALF_A_FRAME = 1 / 50


def _rewrite(source: Path, path: Path, moved=Fraction(0), **options):
    """Write the pictures of a clip anew, `moved` in time, with its sound."""
    clip = ClipReader(source)
    with clip, ClipWriter(path, clip.width, clip.height, clip.info.rate, audio=source, **options) as out:
        for frame in clip:
            out.write(frame.rgb, frame.time + moved)
    return out.notes


def _flash_time(path):
    with ClipReader(path) as clip:
        return next(float(frame.time) for frame in clip if frame.rgb.mean() > 128)


def _end_of_picture(path):
    with ClipReader(path) as clip:
        return float(max(frame.time for frame in clip) + 1 / clip.info.rate)


@pytest.mark.parametrize("source", ["av_clip", "late_audio_clip"])
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("mov", "h264"), ("mkv", "h264"), ("webm", "av1")])
def test_the_click_stays_on_the_flash(tmp_path, request, source, suffix, codec):
    clip = request.getfixturevalue(source)
    path = tmp_path / f"out.{suffix}"
    notes = _rewrite(clip, path, codec=codec)
    assert click_time(path) == pytest.approx(_flash_time(path), abs=HALF_A_FRAME)
    assert _flash_time(path) == pytest.approx(1.0, abs=1e-3)
    assert any(("encoded anew as opus" if suffix == "webm" else "sound copied") in note for note in notes)


@pytest.mark.parametrize("moved", [Fraction(2, 5), Fraction(3)])
def test_sound_follows_when_the_picture_is_moved(tmp_path, av_clip, moved):
    _rewrite(av_clip, tmp_path / "out.mp4", moved=moved)
    assert _flash_time(tmp_path / "out.mp4") == pytest.approx(1.0 + float(moved))
    assert click_time(tmp_path / "out.mp4") == pytest.approx(1.0 + float(moved), abs=HALF_A_FRAME)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "h264"), ("webm", "av1")])
def test_sound_is_cut_at_the_end_of_the_picture(tmp_path, av_clip, suffix, codec):
    path = tmp_path / f"out.{suffix}"
    _rewrite(av_clip, path, codec=codec)
    assert sound_span(av_clip)[1] > 2.4
    assert sound_span(path)[1] == pytest.approx(_end_of_picture(path), abs=HALF_A_FRAME + 1e-3)


def test_copied_sound_is_the_same_packets(tmp_path, av_clip):
    _rewrite(av_clip, tmp_path / "out.mp4")
    assert _packets(tmp_path / "out.mp4") == _packets(av_clip)[: len(_packets(tmp_path / "out.mp4"))]


def _packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_offset_of_sound_and_picture(av_clip, late_audio_clip, plain_clip, tmp_path):
    assert av_offset(plain_clip) is None
    assert float(av_offset(av_clip)) == pytest.approx(0, abs=0.025)
    assert float(av_offset(late_audio_clip)) == pytest.approx(0.3, abs=0.025)
    _rewrite(late_audio_clip, tmp_path / "out.mp4")
    assert av_offset(tmp_path / "out.mp4") == av_offset(late_audio_clip)


def test_what_mp4_does_not_hold_is_encoded_anew(tmp_path):
    frames = [np.full((64, 96, 3), 250 if k == 25 else 20, np.uint8) for k in range(50)]
    source = write_clip(tmp_path / "a.mkv", frames, audio=("pcm_s16le", 22050, click(2, 1.0, 22050)))
    notes = _rewrite(source, tmp_path / "out.mp4")
    assert any("encoded anew as aac" in note for note in notes)
    assert probe(tmp_path / "out.mp4").audio.codec == "aac"
    assert click_time(tmp_path / "out.mp4") == pytest.approx(1.0, abs=HALF_A_FRAME)


def test_silent_sources_are_said(tmp_path, plain_clip):
    notes = _rewrite(plain_clip, tmp_path / "out.mp4")
    assert any("no sound" in note for note in notes)
    assert probe(tmp_path / "out.mp4").audio is None


def test_sound_of_another_file_from_a_given_time(tmp_path, av_clip):
    with ClipWriter(tmp_path / "out.mp4", 96, 64, Fraction(25), audio=av_clip, audio_start=Fraction(1, 2)) as out:
        for number in range(40):
            out.write(numbered_frame(number), Fraction(number, 25))
    assert click_time(tmp_path / "out.mp4") == pytest.approx(0.5, abs=HALF_A_FRAME)
    assert sound_span(tmp_path / "out.mp4")[1] == pytest.approx(1.6, abs=HALF_A_FRAME + 1e-3)


def test_sound_only_files_start_with_the_first_frame(tmp_path, audio_only_clip):
    with ClipWriter(tmp_path / "out.mp4", 96, 64, Fraction(25), audio=audio_only_clip) as out:
        for number in range(10):
            out.write(numbered_frame(number), 1 + Fraction(number, 25))
    assert sound_span(tmp_path / "out.mp4")[0] == pytest.approx(1, abs=0.03)


def test_the_source_of_the_sound_is_not_overwritten(av_clip):
    with pytest.raises(OutputError, match="also an input"):
        ClipWriter(av_clip, 96, 64, Fraction(25), audio=av_clip)


def test_missing_sound_file(tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        ClipWriter(tmp_path / "out.mp4", 96, 64, Fraction(25), audio=tmp_path / "none.wav")
    assert not list(tmp_path.iterdir())


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(MediaError, match=r"pipe.wav: is a pipe or a device; give a file$"):
        ClipWriter(tmp_path / "out.mp4", 96, 64, Fraction(25), audio=tmp_path / "pipe.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.wav"]
