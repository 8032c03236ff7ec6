from __future__ import annotations

import cv2
import numpy as np
import pytest

from vidgan.errors import OutputError
from vidgan.video.sheet import contact_sheet, save_png

RED = np.full((40, 20, 3), (255, 0, 0), np.uint8)
WIDE = np.full((10, 60, 3), (0, 255, 0), np.uint8)
GREY = np.full((30, 30), 77, np.uint8)


def test_every_picture_is_there():
    sheet = contact_sheet([[RED, WIDE], [GREY]], cell_height=50)
    colours = {tuple(colour) for colour in sheet.reshape(-1, 3)}
    assert {(255, 0, 0), (0, 255, 0), (77, 77, 77)} <= colours
    assert (sheet == (255, 0, 0)).all(axis=2).sum() == 50 * 25
    assert (sheet == (0, 255, 0)).all(axis=2).sum() == 50 * 300


def test_titles_take_room_and_ink():
    bare = contact_sheet([[RED], [RED]], cell_height=50)
    above_columns = contact_sheet([[RED], [RED]], ["first"], cell_height=50)
    above_rows = contact_sheet([[RED], [RED]], [["a"], ["b"]], cell_height=50)
    assert bare.shape[0] < above_columns.shape[0] < above_rows.shape[0]
    assert above_columns[:20].max() > 200
    assert bare.shape[1] == above_rows.shape[1]


def test_nothing_to_show():
    with pytest.raises(ValueError, match="picture"):
        contact_sheet([])


def test_png_round_trip(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    save_png(image, tmp_path / "a.png")
    assert np.array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], image)


def test_png_nowhere(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        save_png(RED, tmp_path / "none" / "a.png")
