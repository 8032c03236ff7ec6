from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clips.made import frame_folder, numbers, plain_frame, plain_frames, video
from vidgan.clips.config import ClipConfig
from vidgan.clips.find import Footage
from vidgan.clips.read import Reading, fit, read_footage, resample
from vidgan.errors import MediaError
from vidgan.video.limits import MediaLimits


def read(kind, *files, **settings):
    reading = Reading()
    config = ClipConfig(size=16, **settings)
    frames = list(read_footage(Footage("x", kind, files), config, MediaLimits(), reading))
    assert reading.frames == len(frames)
    assert all(frame.shape == (16, 16, 3) and frame.dtype == np.uint8 for frame in frames)
    return numbers(frames), reading


def test_a_video_gives_its_frames_and_rate(tmp_path):
    path = video(tmp_path / "v.mp4", plain_frames(8, 32, 48), rate=Fraction(12))
    found, reading = read("video", path)
    assert found == list(range(8))
    assert reading.fps == pytest.approx(12)


def test_a_large_video_is_scaled_and_cropped(tmp_path):
    frames = [np.full((240, 400, 3), 255, np.uint8) for _ in range(3)]
    for frame in frames:
        frame[:, 80:320] = plain_frame(7, 240, 240)  # the middle square
    assert read("video", video(tmp_path / "v.mp4", frames))[0] == [7, 7, 7]


def test_a_video_is_resampled_in_time(tmp_path):
    path = video(tmp_path / "v.mp4", plain_frames(12), rate=Fraction(24))
    found, reading = read("video", path, fps=8)
    assert found == [0, 3, 6, 9]
    assert reading.fps == 8


def test_variable_rates_are_told_and_resampled(tmp_path):
    times = [Fraction(n, 10) for n in (0, 1, 2, 4, 8, 9)]
    path = video(tmp_path / "v.mp4", plain_frames(6), times=times, time_base=Fraction(1, 1000), rate=Fraction(10))
    assert "varies" in read("video", path)[1].notes[0]
    found, reading = read("video", path, fps=10)
    assert found[:10] == [0, 1, 2, 2, 3, 3, 3, 3, 4, 5]
    assert not reading.notes


def test_a_frame_folder_leaves_out_bad_pictures_and_says_so(tmp_path):
    folder = frame_folder(tmp_path / "f", plain_frames(5))
    (folder / "0002.png").write_bytes(b"broken")
    found, reading = read("frames", *sorted(folder.iterdir()))
    assert found == [0, 1, 3, 4]
    assert reading.fps is None
    assert "1 of 5 pictures" in reading.notes[0]
    assert "0002.png" in reading.notes[0]


def test_a_frame_folder_of_bad_pictures(tmp_path):
    for name in "12":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(MediaError, match=r"none of its 2 pictures.*1\.png"):
        read("frames", *sorted(tmp_path.iterdir()))


times_of_frames = st.lists(st.integers(1, 400), min_size=1, max_size=30).map(
    lambda gaps: [Fraction(sum(gaps[:k]), 100) for k in range(len(gaps))]
)


@given(times_of_frames, st.sampled_from([1.0, 5.0, 12.5, 25.0, 29.97, 60.0]))
def test_resampled_ticks_show_the_frame_of_their_time(times, fps):
    frames = [(np.full((1, 1, 3), k, np.uint8), time) for k, time in enumerate(times)]
    step = 1 / Fraction(str(fps))
    shown = [(int(rgb[0, 0, 0]), tick) for rgb, tick in resample(frames, fps)]
    assert shown[0] == (0, times[0])
    assert all(b - a >= step for (_, a), (_, b) in pairwise(shown))
    for number, tick in shown[1:]:
        early = min(Fraction(1, 500), step / 4)
        assert times[number] <= tick + early
        assert tick - times[number] < 2 + step
        assert number == len(times) - 1 or tick < times[number + 1] - early


@given(st.integers(2, 60), st.sampled_from([12, 24, 25, 30, 60]))
def test_resampling_to_its_own_rate_changes_nothing(count, rate):
    # Matroska rounds times to milliseconds
    frames = [(np.full((1, 1, 3), k, np.uint8), Fraction(round(1000 * k / rate), 1000)) for k in range(count)]
    assert [int(rgb[0, 0, 0]) for rgb, _ in resample(frames, rate)] == list(range(count))


def test_a_long_gap_does_not_fill_the_disk():
    frames = [(plain_frame(0), Fraction(0)), (plain_frame(1), Fraction(40_000))]
    assert len(list(resample(frames, 25))) <= 4 * 25


def test_fit_center_cuts_and_none_pads():
    wide = np.zeros((16, 48, 3), np.uint8)
    wide[:, 16:32] = 200
    assert (fit(wide, 16, "center") == 200).all()
    whole = fit(wide, 48, "none")
    assert (whole[16:32, 16:32] == 200).all()
    assert whole.sum() == wide.sum()


@given(st.integers(1, 70), st.integers(1, 70), st.integers(8, 40), st.sampled_from(["center", "none"]))
def test_fit_always_gives_the_size(height, width, size, crop):
    frame = np.full((height, width, 3), 90, np.uint8)
    fitted = fit(frame, size, crop)
    assert fitted.shape == (size, size, 3)
    assert set(np.unique(fitted)) <= {0, 90}
