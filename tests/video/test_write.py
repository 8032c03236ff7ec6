from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import patches
from tests.video.clips import numbered_frame, numbers_of
from vidgan.errors import OutputError, UsageError
from vidgan.video.output import partial_path
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader
from vidgan.video.write import LOSSLESS_SUFFIX, ClipWriter, LosslessWriter

RATE = Fraction(25)


def _write(path, frames, times=None, rate=RATE, **options):
    height, width = frames[0].shape[:2]
    with ClipWriter(path, width, height, rate, **options) as clip:
        for number, rgb in enumerate(frames):
            clip.write(rgb, number / rate if times is None else times[number])
    return clip


def _numbered(count):
    return [numbered_frame(k) for k in range(count)]


def _read(path):
    with ClipReader(path) as clip:
        return list(clip)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_codecs(tmp_path, codec):
    clip = _write(tmp_path / "a.mp4", _numbered(30), codec=codec)
    frames = _read(tmp_path / "a.mp4")
    assert numbers_of(frames) == list(range(30))
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(30)]
    assert probe(tmp_path / "a.mp4").codec == codec
    assert clip.encoder in clip.notes[0]


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_red_stays_red_and_is_tagged(tmp_path, codec):
    _write(tmp_path / "red.mp4", [patches()] * 3, codec=codec, crf=5)
    with av.open(str(tmp_path / "red.mp4")) as container:
        stream = container.streams.video[0]
        tags = stream.codec_context
        assert (tags.colorspace, tags.color_primaries, tags.color_trc, tags.color_range) == (1, 1, 1, 1)
        y, cb, cr = (np.frombuffer(p, np.uint8).reshape(p.height, -1) for p in next(container.decode(stream)).planes)
    # BT.709 limited range red by definition: Y 63, Cb 102, Cr 240 (ITU-R BT.709-6, item 3.2 to 3.4)
    assert np.abs(np.array([y[16, 16], cb[8, 8], cr[8, 8]], int) - (63, 102, 240)).max() <= 2
    red = _read(tmp_path / "red.mp4")[1].rgb[16, 16].astype(int)
    assert np.abs(red - (255, 0, 0)).max() <= 3


def test_mp4_is_ready_to_stream(tmp_path):
    _write(tmp_path / "a.mp4", _numbered(5))
    data = (tmp_path / "a.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(1350, 61), Fraction(60), Fraction(5)])
def test_constant_rates_are_exact(tmp_path, rate):
    clip = _write(tmp_path / "a.mp4", _numbered(12), rate=rate)
    frames = _read(tmp_path / "a.mp4")
    assert [frame.time for frame in frames] == [k / rate for k in range(12)]
    assert probe(tmp_path / "a.mp4").rate == rate
    assert not any("rounded" in note for note in clip.notes)


def test_variable_times_are_exact(tmp_path, vfr_clip, vfr_times):
    info = probe(vfr_clip)
    _write(tmp_path / "a.mp4", _numbered(len(vfr_times)), times=vfr_times, rate=info.rate, time_base=info.time_base)
    assert [frame.time for frame in _read(tmp_path / "a.mp4")] == vfr_times


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(st.integers(1, 2000), min_size=1, max_size=12), start=st.integers(0, 5000))
def test_any_times_are_exact(tmp_path_factory, steps, start):
    path = tmp_path_factory.mktemp("times") / "a.mp4"
    base = Fraction(1, 15360)
    times = [int(total) * base for total in np.cumsum([start, *steps])]
    _write(path, _numbered(len(times)), times=times, time_base=base, preset="ultrafast")
    assert [frame.time for frame in _read(path)] == times


def test_late_start_is_kept(tmp_path):
    times = [Fraction(2, 5) + Fraction(k, 25) for k in range(10)]
    _write(tmp_path / "a.mp4", _numbered(10), times=times)
    assert [frame.time for frame in _read(tmp_path / "a.mp4")] == times


def test_times_off_the_clock_are_rounded_aloud(tmp_path):
    clip = _write(tmp_path / "a.mp4", _numbered(2), times=[Fraction(0), Fraction(1, 7)], time_base=Fraction(1, 100))
    assert any("rounded" in note for note in clip.notes)


def test_matroska_says_that_it_rounds(tmp_path):
    clip = _write(tmp_path / "a.mkv", _numbered(5), rate=Fraction(30000, 1001))
    assert any("milliseconds" in note for note in clip.notes)
    times = [frame.time for frame in _read(tmp_path / "a.mkv")]
    assert all(abs(time - k * Fraction(1001, 30000)) <= Fraction(1, 1000) for k, time in enumerate(times))


def test_times_must_rise(tmp_path):
    with pytest.raises(ValueError, match="after the one before"):
        _write(tmp_path / "a.mp4", _numbered(2), times=[Fraction(1), Fraction(1)])


def test_odd_sizes_are_padded_aloud(tmp_path):
    clip = _write(tmp_path / "a.mp4", [numbered_frame(k, 97, 63) for k in range(4)])
    frames = _read(tmp_path / "a.mp4")
    assert frames[0].rgb.shape == (64, 98, 3)
    assert any("padded to 98x64" in note for note in clip.notes)
    assert numbers_of(frames) == list(range(4))


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_sixteen_pixels(tmp_path, codec):
    _write(tmp_path / "a.mp4", [np.full((16, 16, 3), 60 * k, np.uint8) for k in range(4)], codec=codec)
    assert [frame.rgb.mean() for frame in _read(tmp_path / "a.mp4")] == pytest.approx([0, 60, 120, 180], abs=5)


def test_one_frame(tmp_path):
    _write(tmp_path / "a.mp4", _numbered(1))
    assert numbers_of(_read(tmp_path / "a.mp4")) == [0]
    assert probe(tmp_path / "a.mp4").frames == 1


def test_tags_of_the_container(tmp_path):
    _write(tmp_path / "a.mp4", _numbered(2), metadata={"comment": "made by a test"})
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["comment"] == "made by a test"


def test_wrong_frames_are_refused(tmp_path):
    with pytest.raises(ValueError, match="uint8"):
        _write(tmp_path / "a.mp4", [numbered_frame(0), numbered_frame(1).astype(np.float32)])
    with pytest.raises(ValueError, match=r"\(64, 96, 3\)"):
        _write(tmp_path / "a.mp4", [numbered_frame(0), numbered_frame(1, 90, 64)])


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.mp4", {"codec": "theora"}, "unknown"),
        ("a.xyz", {}, "unknown kind"),
        ("a.webm", {}, "WebM does not hold h264"),
    ],
)
def test_wrong_wishes(tmp_path, name, options, message):
    with pytest.raises(UsageError, match=message):
        ClipWriter(tmp_path / name, 96, 64, RATE, **options)


def test_an_error_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"older")

    def fail():
        with ClipWriter(path, 96, 64, RATE) as clip:
            clip.write(numbered_frame(0), Fraction(0))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_there_until_it_is_whole(tmp_path):
    with ClipWriter(tmp_path / "a.mp4", 96, 64, RATE) as clip:
        clip.write(numbered_frame(0), Fraction(0))
        assert not (tmp_path / "a.mp4").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


def test_no_frame_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="no frame"), ClipWriter(tmp_path / "a.mp4", 96, 64, RATE):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.mp4", f"a{LOSSLESS_SUFFIX}"])
def test_a_full_disk(tmp_path, name):
    path = tmp_path / name
    writer = ClipWriter if name.endswith(".mp4") else LosslessWriter
    clip = writer(path, 96, 64, RATE)
    partial_path(path).symlink_to("/dev/full")
    rng = np.random.default_rng(0)

    def fill():
        for number in range(200):
            clip.write(rng.integers(0, 255, (64, 96, 3), dtype=np.uint8), number / RATE)
        clip.close()

    with pytest.raises(OutputError, match="the disk is full") as caught:
        fill()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("width", "height"), [(96, 64), (97, 63), (16, 16), (33, 130)])
def test_lossless_is_lossless(tmp_path, width, height):
    rng = np.random.default_rng(2)
    frames = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(7)]
    times = [Fraction(k * k + 3, 61) for k in range(7)]
    path = tmp_path / f"a{LOSSLESS_SUFFIX}"
    with LosslessWriter(path, width, height, Fraction(61), time_base=Fraction(1, 61)) as clip:
        for rgb, time in zip(frames, times, strict=True):
            clip.write(rgb, time)
    read = _read(path)
    assert [frame.time for frame in read] == times
    assert all(np.array_equal(frame.rgb, rgb) for frame, rgb in zip(read, frames, strict=True))


def test_lossless_takes_views(tmp_path):
    rgb = numbered_frame(5)[:, ::-1]
    path = tmp_path / f"a{LOSSLESS_SUFFIX}"
    with LosslessWriter(path, 96, 64, RATE) as clip:
        clip.write(rgb, Fraction(0))
    assert np.array_equal(_read(path)[0].rgb, rgb)


def test_lossless_wants_its_suffix(tmp_path):
    with pytest.raises(UsageError, match=LOSSLESS_SUFFIX):
        LosslessWriter(tmp_path / "a.mp4", 96, 64, RATE)
