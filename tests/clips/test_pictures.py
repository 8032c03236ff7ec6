"""Every kind of picture becomes RGB frames, or a reason."""

from __future__ import annotations

import struct
import zlib
from contextlib import suppress
from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.clips.made import numbers, plain_frame, plain_frames
from vidgan.clips.pictures import cut_strip, read_picture, shape_of, strip_count
from vidgan.errors import LimitError, MediaError
from vidgan.video.limits import MediaLimits

LIMITS = MediaLimits()


def only(path):
    ((rgb, time),) = read_picture(path, LIMITS)
    assert time is None
    return rgb


def test_alpha_lies_over_black(tmp_path):
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (6, 5, 4), dtype=np.uint8)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    wanted = rgba[..., :3] * (rgba[..., 3:] / 255)
    np.testing.assert_allclose(only(tmp_path / "a.png"), wanted, atol=1)


def test_transparent_palette_lies_over_black(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([250, 250, 250, 10, 200, 30])
    image.putpixel((0, 0), 0)
    image.save(tmp_path / "p.png", transparency=0)
    rgb = only(tmp_path / "p.png")
    assert rgb[0, 0].tolist() == [0, 0, 0]
    assert rgb[1, 1].tolist() == [10, 200, 30]


def test_16_bit_grey_keeps_its_range(tmp_path):
    grey = np.array([[0, 257, 32768, 65535]], np.uint16).repeat(2, 0)
    Image.fromarray(grey).save(tmp_path / "g.png")
    rgb = only(tmp_path / "g.png")
    assert rgb[0, :, 0].tolist() == [0, 1, 128, 255]
    assert rgb.shape == (2, 4, 3)


def test_16_bit_colour_keeps_its_range(tmp_path):
    rows = np.array([[[0, 0x8000, 0xFFFF]]], ">u2").repeat(2, 0).repeat(2, 1)
    (tmp_path / "c.png").write_bytes(png(2, 2, 16, 2, b"".join(b"\0" + row.tobytes() for row in rows)))
    assert only(tmp_path / "c.png")[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "RGBA"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("m.tif" if mode == "CMYK" else "m.png")
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(path)
    rgb = only(path)
    assert rgb.shape == (3, 5, 3)
    assert rgb.min() > 250


def test_exif_orientation_is_applied(tmp_path):
    image = Image.new("RGB", (40, 20))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "e.jpg", exif=exif)
    shape = shape_of(tmp_path / "e.jpg", LIMITS)
    assert only(tmp_path / "e.jpg").shape == (shape.height, shape.width, 3) == (40, 20, 3)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_animations_give_frames_and_times(tmp_path, suffix):
    first, *rest = [Image.fromarray(frame) for frame in plain_frames(5)]
    options = {"lossless": True} if suffix == "webp" else {}
    path = tmp_path / f"a.{suffix}"
    first.save(path, save_all=True, append_images=rest, duration=40, loop=0, **options)
    assert shape_of(path, LIMITS).animated
    frames, times = zip(*read_picture(path, LIMITS), strict=True)
    assert numbers(frames) == [0, 1, 2, 3, 4]
    assert times == tuple(Fraction(k, 25) for k in range(5))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.booleans())
def test_a_strip_is_cut_into_the_frames_it_was_made_of(height, width, count, vertical):
    rng = np.random.default_rng(count)
    frames = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    whole = np.concatenate(list(frames), axis=0 if vertical else 1)
    length = height if vertical else width
    along = vertical == (whole.shape[0] > whole.shape[1])
    if not along or not strip_count(whole.shape[1], whole.shape[0], length):
        return
    np.testing.assert_array_equal(list(cut_strip(whole, length)), frames)


def test_square_frames_need_no_length():
    frames = plain_frames(6)
    assert numbers(cut_strip(np.concatenate(frames, 1), None)) == list(range(6))
    assert numbers(cut_strip(np.concatenate(frames, 0), None)) == list(range(6))


def test_no_strip():
    with pytest.raises(MediaError, match="single picture"):
        list(cut_strip(np.zeros((16, 48, 3), np.uint8), None))
    with pytest.raises(MediaError, match=r"100x16 is no whole number.*clips\.strip"):
        list(cut_strip(np.zeros((16, 100, 3), np.uint8), None))


def test_a_picture_over_the_limit_is_not_decoded(tmp_path):
    Image.fromarray(plain_frame(1)).save(tmp_path / "p.png")
    with pytest.raises(LimitError, match="16x16 is over the limit of 200 pixels"):
        list(read_picture(tmp_path / "p.png", MediaLimits(max_pixels=200)))


@pytest.mark.parametrize("side", [10_000, 60_000])
def test_a_bomb_is_refused_by_its_header(tmp_path, side):
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 2, b""))
    with pytest.raises(LimitError, match="pixels"):
        shape_of(tmp_path / "bomb.png", LIMITS)


@settings(deadline=None)  # the first one starts a decoder
@given(st.data())
def test_any_damage_is_a_reason_and_no_crash(data):
    whole = _SAMPLES[data.draw(st.sampled_from(sorted(_SAMPLES)))]
    broken = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 4))):
        if broken:
            broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    with suppress(MediaError):
        for rgb, _ in read_picture(bytes(broken), MediaLimits(max_pixels=10_000)):
            assert rgb.shape[2] == 3


def test_programs_are_not_run(tmp_path):
    (tmp_path / "e.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(MediaError, match="not a picture"):
        list(read_picture(tmp_path / "e.png", LIMITS))


def test_missing(tmp_path):
    with pytest.raises(MediaError, match="No such file"):
        list(read_picture(tmp_path / "none.png", LIMITS))


def png(width, height, depth, colour, rows):
    """A PNG by its definition (PNG specification, section 5)."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _samples():
    made = {}
    images = [Image.fromarray(frame) for frame in plain_frames(3)]
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"):
        file = BytesIO()
        images[0].save(file, kind)
        made[kind] = file.getvalue()
    file = BytesIO()
    images[0].save(file, "GIF", save_all=True, append_images=images[1:])
    made["animated"] = file.getvalue()
    return made


_SAMPLES = _samples()
