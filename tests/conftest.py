"""Fixtures that all tests share: clips made from code and named by the property they carry."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.video.clips import click, numbered_frame, write_clip

ROOT = Path(__file__).resolve().parents[1]

# The tensors of tests are too small to be worth a second thread; torch reads this when it is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def own_keys(tmp_path_factory):
    """The folder of the keys that tests sign with; nobody's own are touched."""
    before = os.environ.get("VIDGAN_TRUST")
    folder = tmp_path_factory.mktemp("trust") / "keys"
    os.environ["VIDGAN_TRUST"] = str(folder)
    yield folder
    os.environ.pop("VIDGAN_TRUST")
    if before is not None:
        os.environ["VIDGAN_TRUST"] = before


@pytest.fixture(scope="session")
def data_dir():
    """The folder with real footage; the test is skipped where it is absent."""
    folder = Path(os.environ.get("VIDGAN_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "body").is_dir():
        pytest.skip("no real footage: set VIDGAN_DATA")
    return folder


@pytest.fixture(scope="session")
def clips_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="session")
def plain_clip(clips_dir):
    """30 numbered frames, H.264, 25 frames/s, BT.709, silent, no B-frames."""
    return write_clip(clips_dir / "plain.mp4", map(numbered_frame, range(30)), options={"bf": "0"})


@pytest.fixture(scope="session")
def bframes_clip(clips_dir):
    """40 numbered frames, stored out of order."""
    return write_clip(clips_dir / "bframes.mp4", map(numbered_frame, range(40)), options={"bf": "3", "g": "20"})


@pytest.fixture(scope="session")
def vfr_times():
    steps = [1, 1, 3, 1, 2, 5, 1, 1, 1, 4] * 2
    return [Fraction(int(total), 60) for total in np.cumsum([0, *steps])]


@pytest.fixture(scope="session")
def vfr_clip(clips_dir, vfr_times):
    """21 numbered frames at uneven times, multiples of 1/60 s."""
    frames = map(numbered_frame, range(len(vfr_times)))
    return write_clip(clips_dir / "vfr.mp4", frames, times=vfr_times, time_base=Fraction(1, 600), rate=Fraction(30))


@pytest.fixture(scope="session")
def fractional_rate_clip(clips_dir):
    """30 numbered frames at 30000/1001 frames/s."""
    return write_clip(clips_dir / "ntsc.mp4", map(numbered_frame, range(30)), rate=Fraction(30000, 1001))


@pytest.fixture(scope="session")
def rotated_clip(clips_dir):
    """96x64 numbered frames to be shown turned by 90 degrees clockwise, so 64 wide and 96 high."""
    frames = map(numbered_frame, range(5))
    return write_clip(clips_dir / "rotated.mp4", frames, rotation=(-90, False, False))


@pytest.fixture(scope="session")
def ten_bit_clip(clips_dir):
    """HEVC, 10 bit."""
    frames = map(numbered_frame, range(8))
    return write_clip(
        clips_dir / "ten.mp4", frames, codec="libx265", pix_fmt="yuv420p10le", bits=10, options=_quiet_x265(crf=12)
    )


@pytest.fixture(scope="session")
def hdr_clip(clips_dir):
    """HEVC, 10 bit, BT.2020, PQ; a ramp of greys from 0 to the full signal."""
    ramp = np.repeat(np.linspace(0, 255, 128).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    return write_clip(
        clips_dir / "hdr.mp4",
        [ramp] * 3,
        codec="libx265",
        pix_fmt="yuv420p10le",
        bits=10,
        matrix="bt2020",
        tags=(9, 9, 16),
        options=_quiet_x265(crf=4),
    )


@pytest.fixture(scope="session")
def interlaced_clip(clips_dir):
    """A bar that moves 8 pixels a field, top field first: MPEG-2, 25 frames/s."""
    fields = np.zeros((24, 96, 160, 3), np.uint8)
    for number, field in enumerate(fields):
        field[:, 8 + number * 5 : 28 + number * 5] = 220
    frames = fields[::2].copy()
    frames[:, 1::2] = fields[1::2, 1::2]
    options = {"flags": "+ildct+ilme", "b": "8000000", "g": "1"}
    return write_clip(clips_dir / "interlaced.mpg", frames, codec="mpeg2video", options=options, field_order=2)


@pytest.fixture(scope="session")
def edit_list_clip(clips_dir):
    """30 numbered frames of which an edit list hides the first 5."""
    return write_clip(
        clips_dir / "edit.mp4",
        map(numbered_frame, range(30)),
        shift_packets=-Fraction(5, 25),
        container_options={"avoid_negative_ts": "disabled"},
    )


@pytest.fixture(scope="session")
def late_start_clip(clips_dir):
    """20 numbered frames, the first one at 0.4 s."""
    times = [Fraction(2, 5) + Fraction(k, 25) for k in range(20)]
    return write_clip(clips_dir / "late.mp4", map(numbered_frame, range(20)), times=times)


@pytest.fixture(scope="session")
def anamorphic_clip(clips_dir):
    """72x64 pixels, each 4/3 as wide as high."""
    frames = [numbered_frame(k, 72, 64) for k in range(4)]
    return write_clip(clips_dir / "anamorphic.mp4", frames, aspect=Fraction(4, 3))


@pytest.fixture(scope="session")
def odd_size_clip(clips_dir):
    """97x63 pixels, 4:4:4."""
    return write_clip(clips_dir / "odd.mp4", [numbered_frame(k, 97, 63) for k in range(6)], pix_fmt="yuv444p")


@pytest.fixture(scope="session")
def tiny_clip(clips_dir):
    """16x16 pixels."""
    return write_clip(clips_dir / "tiny.mp4", [np.full((16, 16, 3), 10 * k, np.uint8) for k in range(6)])


@pytest.fixture(scope="session")
def huge_clip(clips_dir):
    """4 frames of 8K, H.264."""
    path = clips_dir / "huge.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height = 7680, 4320
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), format="rgb24")
            container.mux(stream.encode(frame.reformat(7680, 4320, "yuv420p", interpolation="POINT")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def full_range_clip(clips_dir):
    """Six patches of colour, BT.709, full range."""
    return write_clip(clips_dir / "full.mp4", [patches()] * 3, full=True, options={"crf": "1"})


@pytest.fixture(scope="session")
def bt601_clip(clips_dir):
    """Six patches of colour, BT.601, limited range."""
    return write_clip(clips_dir / "bt601.mp4", [patches()] * 3, matrix="bt601", options={"crf": "1"})


@pytest.fixture(scope="session")
def one_frame_clip(clips_dir):
    return write_clip(clips_dir / "one.mp4", [numbered_frame(7)])


@pytest.fixture(scope="session")
def av_clip(clips_dir):
    """2 s, AAC; at 1.0 s frame 25 is white and a click is heard. The sound is half a second longer than the picture."""
    frames = [np.full((64, 96, 3), 250 if k == 25 else 20, np.uint8) for k in range(50)]
    return write_clip(clips_dir / "av.mp4", frames, audio=("aac", 44100, click(2.5, 1.0)))


@pytest.fixture(scope="session")
def late_audio_clip(clips_dir):
    """As `av_clip`, but the sound starts 0.3 s after the picture; the click still falls on frame 25."""
    frames = [np.full((64, 96, 3), 250 if k == 25 else 20, np.uint8) for k in range(50)]
    sound = ("aac", 44100, click(1.7, 0.7))
    return write_clip(clips_dir / "late_audio.mp4", frames, audio=sound, audio_delay=Fraction(3, 10))


@pytest.fixture(scope="session")
def audio_only_clip(clips_dir):
    """An MP4 with sound and no picture."""
    path = clips_dir / "audio_only.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        for first in range(0, 44100, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 44100, first, Fraction(1, 44100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def truncated_clip(clips_dir):
    """60 noisy frames with the index first, cut at 60 % of the file."""
    whole = _noisy_clip(clips_dir / "whole_faststart.mp4", {"movflags": "+faststart"})
    path = clips_dir / "truncated.mp4"
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


@pytest.fixture(scope="session")
def truncated_mkv_clip(clips_dir):
    """60 noisy frames in Matroska, cut at 60 % of the file."""
    data = _noisy_clip(clips_dir / "whole.mkv", {}).read_bytes()
    path = clips_dir / "truncated.mkv"
    path.write_bytes(data[: len(data) * 6 // 10])
    return path


@pytest.fixture(scope="session")
def indexless_clip(clips_dir):
    """An MP4 with the index at the end, cut before it."""
    data = _noisy_clip(clips_dir / "whole_late.mp4", {}).read_bytes()
    path = clips_dir / "indexless.mp4"
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.fixture(scope="session")
def text_clip(clips_dir):
    """A text named .mp4."""
    path = clips_dir / "text.mp4"
    path.write_text("This is not a film.\n" * 100, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def empty_clip(clips_dir):
    path = clips_dir / "empty.mp4"
    path.touch()
    return path


def patches():
    """Six patches of colour, 96x64."""
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[200, 150, 120], [128, 128, 128], [30, 60, 20]]])
    return colours.repeat(32, axis=0).repeat(32, axis=1).astype(np.uint8)


def _noisy_clip(path, container_options):
    rng = np.random.default_rng(0)
    frames = [numbered_frame(k, 192, 128) for k in range(60)]
    for frame in frames:
        frame[64:96] = rng.integers(0, 255, (32, 192, 3))
    return write_clip(path, frames, container_options=container_options, options={"g": "10"})


def _quiet_x265(crf):
    return {"crf": str(crf), "preset": "fast", "x265-params": "log-level=none"}


@pytest.fixture(scope="session")
def stick_clip(clips_dir):
    """A coloured stick person of 112x128 pixels who moves before a textured wall: 30 frames, 25 frames/s."""
    from tests.subject.sticks import stick_frames, stick_track, write_stick_clip

    track = stick_track()
    return write_stick_clip(clips_dir / "sticks.mp4", track, stick_frames(track)[0])


@pytest.fixture(scope="session")
def stick_pose(tmp_path_factory):
    """What a pose stage would leave of `stick_clip`: the true pose and masks."""
    from tests.subject.sticks import save_pose, stick_frames, stick_track

    track = stick_track()
    return save_pose(tmp_path_factory.mktemp("stick_pose"), track, stick_frames(track)[1])


@pytest.fixture(scope="session")
def stick_subject_dir(tmp_path_factory, stick_clip, stick_pose):
    """What the subject stage leaves of `stick_clip`, trained on at 32 pixels. Only to be read."""
    from vidgan.progress import Silent
    from vidgan.stages.base import StageContext
    from vidgan.stages.subject import SubjectConfig, SubjectStage

    folder = tmp_path_factory.mktemp("stick_subject")
    inputs = {"video": stick_clip, "pose": stick_pose}
    SubjectStage(SubjectConfig(train_size=32, crop_size=96)).run(StageContext(folder, inputs, "cpu", 0, Silent()))
    return folder
