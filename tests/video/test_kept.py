from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction

import av
import numpy as np
import pytest

from tests.video.clips import click, numbered_frame, write_clip
from vidgan.video.write import ClipWriter

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,600\nGood morning.\n\n2\n00:00:00,900 --> 00:00:01,100\nGood night.\n\n"


@pytest.fixture
def film(tmp_path):
    """Matroska: 30 frames, two sound tracks (the second in German, a click at 0.5 s) and English subtitles."""
    (tmp_path / "words.srt").write_text(SUBTITLES)
    plain = write_clip(tmp_path / "plain.mp4", map(numbered_frame, range(30)), audio=("aac", 44100, click(1.2, 0.1)))
    second = write_clip(tmp_path / "second.mp4", map(numbered_frame, range(30)), audio=("aac", 44100, click(1.2, 0.5)))
    path = tmp_path / "film.mkv"
    chosen = [(plain, "video"), (plain, "audio"), (second, "audio"), (tmp_path / "words.srt", "subtitles")]
    with ExitStack() as stack, av.open(str(path), "w") as out:
        packets = []
        for (source, kind), language in zip(chosen, ("", "", "ger", "eng"), strict=True):
            container = stack.enter_context(av.open(str(source)))
            stream = getattr(container.streams, kind)[0]
            target = out.add_stream_from_template(stream)
            target.metadata["language"] = language
            packets += [(packet, target) for packet in container.demux(stream) if packet.size]
        for packet, target in sorted(packets, key=lambda it: it[0].dts * it[0].time_base):
            packet.stream = target
            out.mux(packet)
    return path


def write(path, film, frames=30, start=Fraction(0)):
    with ClipWriter(path, 96, 64, Fraction(25), keep=film) as writer:
        for k in range(frames):
            writer.write(numbered_frame(k), start + Fraction(k, 25))
    return writer.notes


def test_further_tracks_go_along_at_their_times_and_with_their_language(film, tmp_path):
    notes = write(tmp_path / "out.mkv", film)
    assert any("sound 2 (ger) of film.mkv kept (aac)" in note for note in notes)
    assert any("subtitles 3 (eng) of film.mkv kept" in note for note in notes)
    with av.open(str(tmp_path / "out.mkv")) as out:
        assert [len(kind) for kind in (out.streams.video, out.streams.audio, out.streams.subtitles)] == [1, 1, 1]
        assert out.streams.audio[0].metadata["language"] == "ger"
        texts = [packet for packet in out.demux(out.streams.subtitles[0]) if packet.size]
        assert [float(packet.pts * packet.time_base) for packet in texts] == [0.2, 0.9]
        assert bytes(texts[0]).decode() == "Good morning."
    with av.open(str(tmp_path / "out.mkv")) as out:
        sound = [(frame.time, np.abs(frame.to_ndarray()).max()) for frame in out.decode(audio=0)]
        assert max(sound, key=lambda it: it[1])[0] == pytest.approx(0.5, abs=0.04)


def test_tracks_move_with_the_picture_and_end_with_it(film, tmp_path):
    write(tmp_path / "out.mkv", film, frames=20, start=Fraction(2))
    with av.open(str(tmp_path / "out.mkv")) as out:
        times = [float(p.pts * p.time_base) for p in out.demux(out.streams.subtitles[0]) if p.size]
        assert times == [2.2]


def test_what_a_container_does_not_hold_is_said(film, tmp_path):
    notes = write(tmp_path / "out.mp4", film)
    assert any("subtitles 3 (eng) of film.mkv left out: mp4 does not hold" in note for note in notes)
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert len(out.streams.audio) == 1
        assert not out.streams.subtitles


def test_film_with_nothing_more_brings_nothing(plain_clip, tmp_path):
    notes = write(tmp_path / "out.mkv", plain_clip)
    assert not any("kept" in note for note in notes)
