"""Every bad input gives one clear line."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.video.clips import number_of, numbered_frame, write_clip
from vidgan.errors import LimitError, MediaError, NoVideoError
from vidgan.video.limits import MediaLimits
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader


def _line(path, kind, **options):
    with pytest.raises(kind) as caught:
        ClipReader(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_missing_file(tmp_path):
    assert "no such file" in _line(tmp_path / "none.mp4", MediaError)


def test_directory(tmp_path):
    assert "is a directory" in _line(tmp_path, MediaError)


def test_empty_file(empty_clip):
    assert "is empty" in _line(empty_clip, NoVideoError)


def test_text_named_mp4(text_clip):
    assert "not a media file" in _line(text_clip, NoVideoError)


def test_audio_only(audio_only_clip):
    assert "sound but no video" in _line(audio_only_clip, NoVideoError)


def test_mp4_without_index(indexless_clip):
    assert "moov" in _line(indexless_clip, MediaError)


def test_unknown_codec(tmp_path, plain_clip):
    data = plain_clip.read_bytes()
    assert b"avc1" in data
    path = tmp_path / "unknown.mp4"
    path.write_bytes(data.replace(b"avc1", b"zzz9"))
    assert "decoder" in _line(path, MediaError)


def test_nothing_decodes(tmp_path, plain_clip):
    data = bytearray(plain_clip.read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path = tmp_path / "zeroed.mp4"
    path.write_bytes(data)
    assert "not one frame" in _line(path, MediaError)


def test_too_large(plain_clip):
    assert "96x64" in _line(plain_clip, LimitError, limits=MediaLimits(max_pixels=5000))


def test_too_long(plain_clip):
    assert "long" in _line(plain_clip, LimitError, limits=MediaLimits(max_duration=0.5))


def test_too_many_streams(av_clip):
    assert "streams" in _line(av_clip, LimitError, limits=MediaLimits(max_streams=1))


@pytest.mark.parametrize("name", ["truncated_clip", "truncated_mkv_clip"])
def test_the_usable_part_of_a_cut_file_is_used(request, name):
    path = request.getfixturevalue(name)
    with ClipReader(path) as clip:
        numbers = [number_of(frame.rgb) for frame in clip]
    assert numbers == list(range(len(numbers)))
    assert 20 <= len(numbers) < 58
    assert any(f"cut off after frame {len(numbers)}" in note for note in clip.notes)


def test_whole_files_are_not_called_cut(plain_clip, vfr_clip, av_clip, interlaced_clip, one_frame_clip, edit_list_clip):
    for path in (plain_clip, vfr_clip, av_clip, interlaced_clip, one_frame_clip, edit_list_clip):
        with ClipReader(path) as clip:
            assert sum(1 for _ in clip) > 0
        assert not any("cut" in note for note in clip.notes), path


def test_a_long_edit_list_is_not_called_cut(tmp_path):
    path = write_clip(
        tmp_path / "trimmed.mp4",
        map(numbered_frame, range(60)),
        options={"g": "10"},
        shift_packets=-Fraction(25, 25),
        container_options={"avoid_negative_ts": "disabled"},
    )
    with ClipReader(path) as clip:
        assert [number_of(frame.rgb) for frame in clip] == list(range(25, 60))
    assert clip.notes == []


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "mov", "ts"])
def test_containers_are_not_called_cut(tmp_path, suffix):
    path = write_clip(tmp_path / f"a.{suffix}", map(numbered_frame, range(50)))
    with ClipReader(path) as clip:
        assert [number_of(frame.rgb) for frame in clip] == list(range(50))
    assert clip.notes == []


def test_a_damaged_middle_is_skipped(tmp_path, truncated_clip):
    data = bytearray((truncated_clip.parent / "whole_faststart.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\xff" * 3000
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with ClipReader(path) as clip:
        numbers = [number_of(frame.rgb) for frame in clip]
    assert numbers[:20] == list(range(20))
    assert numbers[-5:] == list(range(55, 60))


def test_a_playlist_cannot_open_other_files(tmp_path, plain_clip):
    path = tmp_path / "list.mp4"
    path.write_text(f"ffconcat version 1.0\nfile {plain_clip}\n", encoding="utf-8")
    with pytest.raises(MediaError):
        probe(path)
