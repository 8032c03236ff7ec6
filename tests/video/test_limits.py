"""Files that ask for more than they say are stopped while they are read, by one line that names the setting."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from tests.video.clips import numbered_frame, write_clip
from vidgan.audio.sound import read_sound
from vidgan.clips.pictures import read_picture
from vidgan.errors import ConfigError, LimitError
from vidgan.video import limits as media
from vidgan.video.cuts import find_cuts
from vidgan.video.inspect import inspect
from vidgan.video.limits import MediaLimits, Meter, check_duration, current_limits, limited, read_limits
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader


@pytest.fixture(scope="module")
def growing_clip(clips_dir):
    """Raw H.264 that begins with 400 frames of 96x64 and ends with two of 1024x1024."""
    path = clips_dir / "growing.h264"
    parts = []
    for number, (size, count) in enumerate((((96, 64), 400), ((1024, 1024), 2))):
        part = clips_dir / f"part-{number}.h264"
        frames = (numbered_frame(it % 256, *size) for it in range(count))
        parts.append(write_clip(part, frames, options={"preset": "ultrafast"}).read_bytes())
    path.write_bytes(b"".join(parts))
    return path


@pytest.fixture(scope="module")
def endless_clip(clips_dir):
    """Matroska as it is streamed, without a length: 30 frames in 30 s."""
    path = clips_dir / "endless.mkv"
    frames = [numbered_frame(it) for it in range(30)]
    return write_clip(path, frames, rate=Fraction(1), container_options={"live": "1"})


@pytest.fixture(scope="module")
def bomb(clips_dir):
    """20 frames of 1280x720, 55 MB, in a few kilobytes."""
    path = clips_dir / "bomb.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height = 1280, 720
        frame = av.VideoFrame.from_ndarray(np.full((720, 1280, 3), 90, np.uint8)).reformat(format="yuv420p")
        for number in range(20):
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert path.stat().st_size < 10_000
    return path


def refused(setting, read, *args, **options):
    with pytest.raises(LimitError) as caught:
        read(*args, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert f"--set media.{setting}=" in message
    return message


def read_through(path, **options):
    with ClipReader(path, max_side=64, limits=MediaLimits(**options)) as clip:
        return [frame.time for frame in clip]


def test_frames_that_grow_after_the_header(growing_clip):
    assert probe(growing_clip).width == 96
    assert "1024x1024" in refused("max_pixels", read_through, growing_clip, max_pixels=10_000)
    assert len(read_through(growing_clip)) == 402


def test_more_frames_than_allowed_by_the_header(plain_clip):
    assert "30 frames" in refused("max_frames", read_through, plain_clip, max_frames=29)
    assert len(read_through(plain_clip, max_frames=30)) == 30


def test_more_frames_than_allowed_where_no_header_says(growing_clip):
    assert "more than 20 frames" in refused("max_frames", read_through, growing_clip, max_frames=20)
    refused("max_frames", find_cuts, growing_clip, limits=MediaLimits(max_frames=20))


def test_longer_than_allowed_where_no_header_says(endless_clip):
    assert probe(endless_clip).duration is None
    assert "over the limit of 10 s" in refused("max_duration", read_through, endless_clip, max_duration=10)
    assert len(read_through(endless_clip, max_duration=29)) == 30


def test_a_small_file_that_decodes_to_much(bomb, monkeypatch):
    assert len(read_through(bomb, max_ratio=1000)) == 20
    monkeypatch.setattr(media, "UNCOUNTED", 1 << 20)
    assert str(bomb) in refused("max_ratio", read_through, bomb, max_ratio=1000, isolated=False)
    assert len(read_through(bomb, max_ratio=100_000, isolated=False)) == 20


def test_streams(av_clip):
    refused("max_streams", probe, av_clip, MediaLimits(max_streams=1))
    assert probe(av_clip, MediaLimits(max_streams=2)).audio is not None


def test_sound_that_jumps_far_ahead(tmp_path):
    path = tmp_path / "jump.mkv"
    with av.open(str(path), "w", container_options={"live": "1"}) as container:
        stream = container.add_stream("pcm_s16le", rate=16000)
        for start in (0, 16000 * 3600 * 24 * 365):
            samples = np.zeros((1, 1600), np.int16)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.layout.name)
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(stream.encode(frame))
    refused("max_duration", read_sound, path)


def test_sound_that_decodes_to_much(tmp_path, monkeypatch):
    monkeypatch.setattr(media, "UNCOUNTED", 1000)
    path = tmp_path / "quiet.flac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=16000, layout="mono")
        for start in range(0, 320_000, 4000):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4000), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 16000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    refused("max_ratio", read_sound, path, limits=MediaLimits(max_ratio=50, isolated=False))
    assert read_sound(path, limits=MediaLimits(isolated=False)).seconds > 19


def test_animations(tmp_path):
    path = tmp_path / "long.gif"
    frames = [Image.fromarray(numbered_frame(number)) for number in range(12)]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000)
    refused("max_frames", lambda: list(read_picture(path, MediaLimits(max_frames=11))))
    refused("max_duration", lambda: list(read_picture(path, MediaLimits(max_duration=10))))
    assert len(list(read_picture(path, MediaLimits(max_frames=12)))) == 12


def test_pages_that_grow(tmp_path):
    path = tmp_path / "pages.tif"
    pages = [Image.new("RGB", (16, 16)), Image.new("RGB", (512, 512))]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    assert "512x512" in refused("max_pixels", lambda: list(read_picture(path, MediaLimits(max_pixels=10_000))))


def test_a_meter_counts_from_the_first_time():
    meter = Meter("a", MediaLimits(max_duration=10))
    meter.frame(2, 2, Fraction(100))
    meter.frame(2, 2, Fraction(110))
    with pytest.raises(LimitError, match=r"a: 11 s long"):
        meter.frame(2, 2, Fraction(111))


def test_a_film_may_begin_in_black():
    """60 frames of 8K in 5246 bytes are what SVT-AV1 makes of it."""
    meter = Meter("a", MediaLimits())
    for number in range(60):
        meter.packet(5246 // 60)
        meter.frame(7680, 4320, Fraction(number, 25))


def test_less_than_a_second_is_said():
    with pytest.raises(LimitError, match=r"a: 1.5 s long, over the limit of 0.5 s"):
        check_duration("a", Fraction(3, 2), MediaLimits(max_duration=0.5))


def test_limits_hold_inside_only(plain_clip):
    with limited(MediaLimits(max_frames=5)):
        refused("max_frames", inspect, plain_clip)
    assert current_limits() == MediaLimits()
    assert inspect(plain_clip)["frames"] == 30


def test_limits_as_settings():
    assert read_limits(["media.max_frames=7", "media.timeout=2m"]) == MediaLimits(max_frames=7, timeout=120)
    with pytest.raises(ConfigError, match="did you mean media.max_frames"):
        read_limits(["media.max_frame=7"])
