from __future__ import annotations

import base64

import cv2
import numpy as np

from vidgan.report.run_pictures import GAP, below, beside, pairs, png_uri, strip, time_slices


def counting(count=2, frames=6, size=8):
    """Clips in which every pixel says clip, time and row."""
    clips = np.zeros((count, frames, size, size, 3), np.uint8)
    clips[..., 0] += 40 * np.arange(count, dtype=np.uint8)[:, None, None, None]
    clips[..., 1] += 10 * np.arange(frames, dtype=np.uint8)[None, :, None, None]
    clips[..., 2] += 5 * np.arange(size, dtype=np.uint8)[None, None, :, None]
    return clips


def test_a_slice_is_the_middle_row_over_time():
    picture = time_slices(counting(), 2, 1)
    assert picture.shape == (6, 8 + GAP + 8, 3)
    assert (picture[:, :8, 1] == 10 * np.arange(6)[:, None]).all()
    assert (picture[:, :8, 2] == 5 * 4).all()
    assert (picture[:, -8:, 0] == 40).all()


def test_slices_are_enlarged_to_about_a_square():
    assert time_slices(counting(1, 4, 8), 1, 2).shape == (4 * 4, 16, 3)


def test_a_strip_goes_from_the_first_frame_to_the_last():
    picture = strip(counting()[0], 3, 2)
    assert picture.shape == (16, 3 * 16 + 2 * GAP, 3)
    assert [int(picture[0, column, 1]) for column in (0, 16 + GAP, 32 + 2 * GAP)] == [0, 20, 50]


def test_pairs_show_the_sample_above_and_the_training_clip_below():
    clips = counting()
    (first, _) = pairs(clips, clips[::-1], 2)
    assert (first[0, 0, 0], first[-1, 0, 0]) == (0, 40)


def test_rows_and_columns():
    square = np.full((4, 4, 3), 9, np.uint8)
    assert beside([square, square]).shape == (4, 8 + GAP, 3)
    assert below([square, square]).shape == (8 + GAP, 4, 3)


def test_png_keeps_every_pixel():
    picture = counting()[0, 3]
    data = base64.b64decode(png_uri(picture).removeprefix("data:image/png;base64,"))
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert (decoded == picture).all()
