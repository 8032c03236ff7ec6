from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.conftest import patches
from tests.video.clips import MATRICES, write_clip
from vidgan.video.probe import probe
from vidgan.video.read import ClipReader


def _worst(path):
    """The largest difference from the six patches, in the middle of each."""
    with ClipReader(path) as clip:
        frame = list(clip)[1].rgb.astype(int)
    difference = np.abs(frame - patches())
    return max(difference[y : y + 16, x : x + 16].max() for y in (8, 40) for x in (8, 40, 72))


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("bits", [8, 10])
def test_matrix_and_range(tmp_path, matrix, full, bits):
    codec, pix_fmt = ("libx264", "yuv420p") if bits == 8 else ("libx265", "yuv420p10le")
    options = {"crf": "1"} if bits == 8 else {"crf": "1", "x265-params": "log-level=none"}
    path = write_clip(
        tmp_path / "colour.mp4",
        [patches()] * 3,
        codec=codec,
        pix_fmt=pix_fmt,
        matrix=matrix,
        tags=(9, 1, 1) if matrix == "bt2020" else None,  # BT.2020's matrix with BT.709's primaries: no gamut mapping
        full=full,
        bits=bits,
        options=options,
    )
    info = probe(path)
    assert (info.matrix, info.full_range, info.bit_depth) == (matrix, full, bits)
    assert _worst(path) <= 4


def test_untagged_small_video_is_bt601(tmp_path):
    path = write_clip(tmp_path / "sd.mp4", [patches()] * 3, matrix="bt601", tagged=False, options={"crf": "1"})
    assert probe(path).matrix == "bt601"
    assert _worst(path) <= 4


def test_untagged_large_video_is_bt709(tmp_path):
    large = patches().repeat(12, axis=0).repeat(14, axis=1)
    path = write_clip(tmp_path / "hd.mp4", [large], tagged=False, options={"crf": "1"})
    assert probe(path).matrix == "bt709"
    with ClipReader(path) as clip:
        assert np.abs(next(iter(clip)).rgb[100, 100].astype(int) - large[100, 100]).max() <= 4


def test_container_tags_count_where_frames_have_none(tmp_path):
    path = write_clip(tmp_path / "a.mov", [patches()] * 3, codec="prores_ks", pix_fmt="yuv422p10le", matrix="bt709")
    assert probe(path).matrix == "bt709"
    assert _worst(path) <= 5


def test_jpeg_is_bt601_full_range(tmp_path):
    Image.fromarray(patches()).save(tmp_path / "a.jpg", quality=98, subsampling=0)
    info = probe(tmp_path / "a.jpg")
    assert (info.matrix, info.full_range) == ("bt601", True)
    with ClipReader(tmp_path / "a.jpg") as clip:
        assert np.abs(next(iter(clip)).rgb.astype(int) - np.asarray(Image.open(tmp_path / "a.jpg"))).max() <= 4


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "nv12", "yuv444p"])
@pytest.mark.parametrize("max_side", [None, 64])
def test_pictures_are_neither_darker_nor_brighter(tmp_path, pix_fmt, max_side):
    """On average, in every channel, whatever the decoder's layout: a clip read and written again does not fade."""
    rng = np.random.default_rng(0)
    noise = cv2.GaussianBlur(rng.uniform(-1, 1, (128, 128, 3)), (0, 0), 8)
    smooth = (128 + 100 * noise / np.abs(noise).max()).round().astype(np.uint8)
    path = write_clip(tmp_path / "smooth.mkv", [smooth] * 2, codec="libx264", pix_fmt=pix_fmt, options={"qp": "0"})
    with ClipReader(path, max_side=max_side) as clip:
        frame = next(iter(clip)).rgb.astype(int)
    wanted = smooth.astype(int) if max_side is None else cv2.resize(smooth, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs((frame - wanted).mean((0, 1))).max() < 0.3
    assert np.abs(frame - wanted).mean() < 1.2
