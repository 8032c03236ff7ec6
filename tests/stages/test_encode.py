from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pydantic import ValidationError

from vidgan.errors import CacheError, TrustError
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.encode import EncodeConfig, EncodeStage
from vidgan.trust.mark import number_of
from vidgan.video.audio import av_offset
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader
from vidgan.video.write import LosslessWriter

WIDTH, HEIGHT = 96, 64
TIME_BASE = Fraction(1, 12800)
VARIABLE_PTS = [0, 512, 1024, 1700, 2048, 2560, 3600, 4096, 4608, 5120]


def grey(level):
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


@pytest.fixture
def render_dir(tmp_path):
    """Ten grey frames of rising level in two segments, at uneven times."""
    folder = tmp_path / "render"
    folder.mkdir()
    names = []
    for number, start in enumerate((0, 6)):
        name = f"seg-{number:05d}.nut"
        with LosslessWriter(folder / name, WIDTH, HEIGHT, Fraction(25), time_base=TIME_BASE) as writer:
            for index in range(start, min(start + 6, 10)):
                writer.write(grey(20 * index), VARIABLE_PTS[index] * TIME_BASE)
        names.append(name)
    write_index(folder, pts=VARIABLE_PTS, segments=names)
    return folder


def write_index(folder, **changes):
    path = folder / "render.json"
    index = json.loads(path.read_text()) if path.exists() else {"width": WIDTH, "height": HEIGHT, "rate": "25/1"}
    path.write_text(json.dumps(index | {"time_base": str(TIME_BASE)} | changes))


def make_clip(path: Path, sound_from: float | None) -> Path:
    """A half-second grey clip whose tone, if it has one, starts `sound_from` seconds after the picture."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = None if sound_from is None else container.add_stream("aac", rate=48000, layout="mono")
        for index in range(13):
            frame = av.VideoFrame.from_ndarray(grey(90), format="rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            for index in range(24):
                tone = np.sin(np.arange(1024) / 20)[None].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 48000, index * 1024 + round(sound_from * 48000)
                container.mux(audio.encode(frame))
            container.mux(audio.encode(None))
    return path


@pytest.fixture
def encode(tmp_path, render_dir):
    """Runs the stage with the given settings; returns its directory, its facts and its progress."""
    filmed = make_clip(tmp_path / "source.mp4", 0.1)
    target = make_clip(tmp_path / "target.mp4", None)

    def run(source=filmed, **settings):
        folder = tmp_path / f"encode-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        progress = Silent()
        inputs = {"frames": render_dir, "source": source, "target": target}
        context = StageContext(folder, inputs, "cpu", 0, progress)
        return folder, EncodeStage(EncodeConfig(**settings)).run(context), progress

    return run


def test_frames_keep_their_times_and_levels(encode):
    folder, facts, _ = encode()
    with ClipReader(folder / "output.mp4") as reader:
        frames = list(reader)
    assert [frame.time for frame in frames] == [pts * TIME_BASE for pts in VARIABLE_PTS]
    for index, frame in enumerate(frames):
        assert abs(frame.rgb.mean() - 20 * index) < 2
    assert facts["frames"] == 10
    assert (facts["codec"], facts["encoder"]) == ("h264", "libx264")


def test_sound_of_the_source_keeps_its_offset(encode):
    folder, facts, progress = encode()
    assert abs(av_offset(folder / "output.mp4") - av_offset(folder.parent / "source.mp4")) < Fraction(1, 1000)
    assert facts["av_sync"]["origin"] == pytest.approx(0.1, abs=0.03)  # less the encoder's delay
    assert facts["av_sync"]["in_sync"]
    assert abs(facts["av_sync"]["frames"]) < 0.5
    assert "copied" in facts["audio"]
    assert progress.warnings == []


@pytest.mark.parametrize("audio", ["none", "target"])
def test_no_sound_is_said(encode, audio):
    folder, facts, _ = encode(audio=audio)
    assert probe(folder / "output.mp4").audio is None
    assert "no sound" in facts["audio"]


def test_a_saved_motion_has_no_sound_to_give(encode, tmp_path):
    motion = tmp_path / "motion.NPZ"
    np.savez(motion.with_suffix(".npz"), pts=np.arange(3))
    motion.with_suffix(".npz").rename(motion)
    folder, facts, progress = encode(source=motion)
    assert probe(folder / "output.mp4").audio is None
    assert facts["audio"] == "no sound: a saved motion has none"
    assert progress.warnings == []


@pytest.mark.parametrize(
    ("settings", "codec", "encoder"),
    [
        ({"container": "webm"}, "av1", "libsvtav1"),
        ({"codec": "hevc"}, "hevc", "libx265"),
        ({"container": "mkv"}, "h264", "libx264"),
        ({"container": "mov"}, "h264", "libx264"),
    ],
)
def test_other_codecs_and_containers(encode, settings, codec, encoder):
    folder, facts, _ = encode(**settings)
    path = folder / f"output.{settings.get('container', 'mp4')}"
    assert probe(path).codec in (codec, {"av1": "libdav1d"}.get(codec))
    assert (facts["codec"], facts["encoder"], facts["file"]) == (codec, encoder, path.name)
    with ClipReader(path) as reader:
        assert len(list(reader)) == 10


@pytest.mark.parametrize(
    "settings",
    [
        {"container": "webm", "codec": "h264"},
        {"container": "mov", "codec": "av1"},
        {"codec": "hevc", "encoder": "libx264"},
        {"crf": 52},
        {"container": "avi"},
    ],
)
def test_settings_that_cannot_work_are_refused_before_any_work(settings):
    with pytest.raises(ValidationError):
        EncodeConfig(**settings)


@pytest.mark.parametrize("pts", [VARIABLE_PTS[:-1], [*VARIABLE_PTS, 6000]])
def test_times_that_do_not_fit_the_frames_are_a_damaged_cache(encode, render_dir, pts):
    write_index(render_dir, pts=pts)
    with pytest.raises(CacheError, match="remove the directory"):
        encode()


def test_damaged_index_names_the_file_and_what_to_do(encode, render_dir):
    (render_dir / "render.json").write_text('{"width": 96')
    with pytest.raises(CacheError, match=r"render\.json.*remove"):
        encode()


def test_nothing_half_written_stays_behind(encode, render_dir, tmp_path):
    write_index(render_dir, pts=VARIABLE_PTS[:-1])
    with pytest.raises(CacheError):
        encode()
    assert list(tmp_path.glob("encode-*/*")) == []


def test_frames_are_marked_with_the_number_of_the_run(encode):
    _, facts, _ = encode()
    assert facts["mark"] == {"watermark": f"{number_of(''):08x}", "key": "public", "label": None, "why": None}


def test_unmarked_is_recorded_with_its_reason_and_changes_nothing_else(encode):
    folder, facts, _ = encode(marked=False, label="KI erzeugt")
    assert (facts["mark"]["watermark"], facts["mark"]["label"]) == (None, "KI erzeugt")
    assert "--no-mark" in facts["mark"]["why"]
    with ClipReader(folder / "output.mp4") as reader:
        frame = list(reader)[5].rgb
    assert np.abs(frame[40:].astype(int) - 100).max() <= 2  # below the label


def test_an_own_key_makes_another_watermark(encode, tmp_path):
    (tmp_path / "secret").write_bytes(b"sixteen bytes or more")
    folder, facts, _ = encode(watermark_key=tmp_path / "secret")
    public, _, _ = encode()
    assert facts["mark"]["key"] == "own"
    assert (folder / "output.mp4").read_bytes() != (public / "output.mp4").read_bytes()
    (tmp_path / "short").write_bytes(b"short")
    with pytest.raises(TrustError, match="16 at least"):
        encode(watermark_key=tmp_path / "short")


@pytest.mark.parametrize(("in_time", "tracks", "told"), [(False, 2, True), (False, 1, False), (True, 2, False)])
def test_further_tracks_that_do_not_go_along_are_told(render_dir, tmp_path, in_time, tracks, told):
    film = with_sounds(tmp_path / "film.mkv", make_clip(tmp_path / "plain.mp4", 0.0), tracks)
    write_index(render_dir, in_time=in_time)
    inputs = {"frames": render_dir, "source": film, "target": film, "film": film}
    (tmp_path / "encode").mkdir()
    facts = EncodeStage(EncodeConfig()).run(StageContext(tmp_path / "encode", inputs, "cpu", 0, Silent()))
    left_out = [note for note in facts["notes"] if "left out" in note]
    assert left_out == told * ["film.mkv: its further track is left out: the film does not run as it was filmed"]


def with_sounds(path, clip, count):
    """The clip with its sound so many times."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as out:
        picture = out.add_stream_from_template(source.streams.video[0])
        sounds = [out.add_stream_from_template(source.streams.audio[0]) for _ in range(count)]
        for packet in list(source.demux()):
            if packet.size:
                for stream in [picture] if packet.stream.type == "video" else sounds:
                    packet.stream = stream
                    out.mux(packet)
    return path
