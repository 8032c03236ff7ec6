from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
from PIL import Image

from tests.video.clips import number_of, numbered_frame, numbers_of, write_clip
from vidgan.errors import DeviceError
from vidgan.video.read import ClipReader


def test_no_frame_is_lost(bframes_clip):
    with ClipReader(bframes_clip) as clip:
        frames = list(clip)
    assert numbers_of(frames) == list(range(40))
    assert [frame.time for frame in frames] == [Fraction(k, 25) for k in range(40)]
    assert clip.notes == []


def test_frames_are_rgb_arrays_of_the_announced_size(plain_clip):
    with ClipReader(plain_clip) as clip:
        frame = next(iter(clip))
    assert frame.rgb.shape == (clip.height, clip.width, 3)
    assert frame.rgb.dtype == np.uint8
    assert frame.rgb.flags.c_contiguous
    assert np.abs(frame.rgb[-4:, :4].astype(int) - (220, 30, 30)).max() < 12


@pytest.mark.parametrize("start", [0, 1, 17, 39, 40, 50])
def test_start_is_exact(bframes_clip, start):
    with ClipReader(bframes_clip) as clip:
        assert numbers_of(clip.frames(start)) == list(range(start, 40))


def test_every_iteration_starts_afresh(plain_clip):
    with ClipReader(plain_clip) as clip:
        first = iter(clip)
        assert [number_of(next(first).rgb) for _ in range(3)] == [0, 1, 2]
        assert numbers_of(clip) == list(range(30))
        assert number_of(next(first).rgb) == 3


def test_variable_times_are_kept(vfr_clip, vfr_times):
    with ClipReader(vfr_clip) as clip:
        frames = list(clip)
    assert [frame.time for frame in frames] == vfr_times
    assert numbers_of(frames) == list(range(len(vfr_times)))


def test_fractional_times_are_kept(fractional_rate_clip):
    with ClipReader(fractional_rate_clip) as clip:
        assert [frame.time for frame in clip] == [Fraction(1001 * k, 30000) for k in range(30)]


def test_edit_list_hides_frames(edit_list_clip):
    with ClipReader(edit_list_clip) as clip:
        frames = list(clip)
    assert numbers_of(frames) == list(range(5, 30))
    assert frames[0].time == 0
    assert clip.notes == []


def test_rotation_is_applied(rotated_clip):
    with ClipReader(rotated_clip) as clip:
        frames = [frame.rgb for frame in clip]
    upright = np.rot90(numbered_frame(3), -1)
    assert frames[3].shape == (96, 64, 3)
    assert np.abs(frames[3].astype(int) - upright).mean() < 6
    assert any("turned by 90 degrees" in note for note in clip.notes)


def test_pixel_aspect_is_applied(anamorphic_clip):
    with ClipReader(anamorphic_clip) as clip:
        frames = list(clip)
    assert frames[0].rgb.shape == (64, 96, 3)
    assert numbers_of(frames) == list(range(4))


def test_odd_sizes(odd_size_clip):
    with ClipReader(odd_size_clip) as clip:
        frames = list(clip)
    assert frames[0].rgb.shape == (63, 97, 3)
    assert numbers_of(frames) == list(range(6))


def test_ten_bit(ten_bit_clip):
    with ClipReader(ten_bit_clip) as clip:
        frames = list(clip)
    assert numbers_of(frames) == list(range(8))
    assert np.abs(frames[0].rgb[-4:, :4].astype(int) - (220, 30, 30)).max() < 12


def test_sixteen_pixels(tiny_clip):
    with ClipReader(tiny_clip) as clip:
        means = [frame.rgb.mean() for frame in clip]
    assert means == pytest.approx([10 * k for k in range(6)], abs=3)


def test_max_side_scales_down_and_says_so(bframes_clip):
    with ClipReader(bframes_clip, max_side=48) as clip:
        assert (clip.width, clip.height) == (48, 32)
        frames = list(clip)
    assert frames[0].rgb.shape == (32, 48, 3)
    assert numbers_of(frames) == list(range(40))
    assert clip.notes == ["scaled down from 96x64 to 48x32"]


def test_max_side_never_enlarges(plain_clip):
    with ClipReader(plain_clip, max_side=1000) as clip:
        assert (clip.width, clip.height) == (96, 64)


def test_interlaced_is_deinterlaced(interlaced_clip):
    with ClipReader(interlaced_clip) as clip:
        frames = [frame.rgb.astype(int) for frame in clip]
    assert len(frames) == 12
    assert "deinterlaced with bwdif" in clip.notes
    assert max(_combing(frame) for frame in frames[1:-1]) < 8
    places = [np.average(np.arange(160), weights=frame.mean(axis=(0, 2)) - frame.min() + 1e-6) for frame in frames]
    assert places == sorted(places)


def _combing(frame):
    """How much a line differs from the mean of its neighbours."""
    return np.abs(frame[1:-1] - (frame[:-2] + frame[2:]) / 2).mean()


FORMATS = {
    "h264": ("libx264", "yuv420p", "mp4"),
    "hevc": ("libx265", "yuv420p", "mp4"),
    "vp9": ("libvpx-vp9", "yuv420p", "webm"),
    "av1": ("libsvtav1", "yuv420p", "mp4"),
    "prores": ("prores_ks", "yuv422p10le", "mov"),
    "mjpeg": ("mjpeg", "yuvj420p", "avi"),
    "gif": ("gif", "rgb8", "gif"),
}


@pytest.mark.parametrize("codec", FORMATS)
def test_formats(tmp_path, codec, monkeypatch):
    monkeypatch.setenv("SVT_LOG", "1")
    encoder, pix_fmt, suffix = FORMATS[codec]
    full = codec == "mjpeg"
    options = {"x265-params": "log-level=none"} if codec == "hevc" else {}
    path = write_clip(
        tmp_path / f"clip.{suffix}",
        map(numbered_frame, range(12)),
        codec=encoder,
        pix_fmt=pix_fmt,
        full=full,
        matrix="bt601" if full else "bt709",
        options=options,
    )
    with ClipReader(path) as clip:
        frames = list(clip)
    assert clip.info.codec == codec
    assert numbers_of(frames) == list(range(12))
    assert np.abs(frames[5].rgb[-8:, :8].mean(axis=(0, 1)) - (220, 30, 30)).max() < 20
    assert [frame.time for frame in frames] == pytest.approx([k / 25 for k in range(12)], abs=0.006)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    path = tmp_path / "photo.jpg"
    image = Image.fromarray(numbered_frame(77))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif, quality=95)
    with Image.open(path) as stored:
        from PIL import ImageOps

        expected = np.asarray(ImageOps.exif_transpose(stored))
    with ClipReader(path) as clip:
        frames = list(clip)
    assert len(frames) == 1
    assert frames[0].rgb.shape == expected.shape
    assert np.abs(frames[0].rgb.astype(int) - expected).mean() < 3


def test_png_is_exact(tmp_path):
    rgb = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with ClipReader(tmp_path / "a.png") as clip:
        frames = list(clip)
    assert len(frames) == 1
    assert np.array_equal(frames[0].rgb, rgb)


def test_one_frame_clip(one_frame_clip):
    with ClipReader(one_frame_clip) as clip:
        assert numbers_of(clip) == [7]


def test_eight_k_is_scaled_down(huge_clip):
    with ClipReader(huge_clip) as clip:
        assert (clip.info.width, clip.info.height) == (7680, 4320)
        frame = next(iter(clip))
        assert frame.rgb.shape == (2160, 3840, 3)
    assert "scaled down from 7680x4320 to 3840x2160" in clip.notes


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
def test_eight_k_stays_within_memory(huge_clip):
    code = (
        "import json, re, sys; from pathlib import Path; from vidgan.video.read import ClipReader\n"
        "from vidgan.video.limits import MediaLimits\n"
        "n = sum(1 for _ in ClipReader(Path(sys.argv[1]), max_side=640, limits=MediaLimits(isolated=False)))\n"
        "print(json.dumps([n, int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])]))"
    )
    done = subprocess.run([sys.executable, "-c", code, huge_clip], capture_output=True, check=True, text=True)
    frames, kilobytes = json.loads(done.stdout)
    assert frames == 4
    assert kilobytes < 1_000_000


def test_reading_is_lazy(plain_clip):
    with ClipReader(plain_clip) as clip:
        assert [number_of(frame.rgb) for frame in islice(clip, 2)] == [0, 1]


def test_cuda_falls_back_aloud(plain_clip):
    try:
        import torch

        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
    except ImportError:
        pass
    with ClipReader(plain_clip, device="cuda") as clip:
        assert numbers_of(clip) == list(range(30))
    assert any("software" in note for note in clip.notes)


def test_unknown_device(plain_clip):
    with pytest.raises(DeviceError, match="cuda"):
        ClipReader(plain_clip, device="tpu")
