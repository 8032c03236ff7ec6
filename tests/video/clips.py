"""Clips made from code, with PyAV alone, so that the reader and the writer are tested against something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 8
MATRICES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
TAGS = {"bt601": (6, 6, 6), "bt709": (1, 1, 1), "bt2020": (9, 9, 1)}  # matrix, primaries, transfer (H.273)


def numbered_frame(number, width=96, height=64):
    """Grey, the number in binary in eight blocks along the top, the bottom corners red (left) and blue (right)."""
    frame = np.full((height, width, 3), 110, np.uint8)
    block = width // BITS
    for bit in range(BITS):
        frame[: height // 3, bit * block : (bit + 1) * block] = 235 if number >> bit & 1 else 20
    corner = max(2, height // 4)
    frame[-corner:, :corner] = (220, 30, 30)
    frame[-corner:, -corner:] = (30, 30, 220)
    return frame


def number_of(rgb):
    """The number that `numbered_frame` drew."""
    height, width = rgb.shape[:2]
    block = width / BITS
    row = rgb[height // 12 : height // 4].mean(axis=(0, 2))
    return sum((row[int((bit + 0.5) * block)] > 128) << bit for bit in range(BITS))


def numbers_of(frames):
    return [number_of(frame.rgb) for frame in frames]


def yuv_planes(rgb, matrix="bt709", full=False, bits=8, subsample=True):
    """Y, Cb, Cr planes of an RGB frame by the definition of the matrix (ITU-R BT.601, BT.709, BT.2020)."""
    kr, kb = MATRICES[matrix]
    r, g, b = np.moveaxis(rgb.astype(np.float64) / 255, -1, 0)
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 * (1 - kb)), (r - y) / (2 * (1 - kr))
    if subsample:
        cb, cr = (c.reshape(c.shape[0] // 2, 2, c.shape[1] // 2, 2).mean(axis=(1, 3)) for c in (cb, cr))
    unit = 1 << (bits - 8)
    top = (1 << bits) - 1
    if full:
        planes = (y * top, cb * top + 128 * unit, cr * top + 128 * unit)
    else:
        planes = (y * 219 * unit + 16 * unit, cb * 224 * unit + 128 * unit, cr * 224 * unit + 128 * unit)
    return [np.clip(np.round(p), 0, top).astype(np.uint16 if bits > 8 else np.uint8) for p in planes]


def video_frame(planes, pix_fmt):
    """A PyAV frame of the planes' numbers as they are."""
    frame = av.VideoFrame(planes[0].shape[1], planes[0].shape[0], pix_fmt)
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        padded[:, : values.shape[1]] = values
        plane.update(padded.tobytes())
    return frame


def write_clip(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    rate=Fraction(25),
    times: Sequence[Fraction] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    matrix="bt709",
    full=False,
    bits=8,
    tags: tuple[int, int, int] | None = None,
    tagged=True,
    rotation: tuple[float, bool, bool] | None = None,
    aspect: Fraction | None = None,
    field_order: int | None = None,
    audio: tuple[str, int, np.ndarray] | None = None,
    audio_delay=Fraction(0),
    shift_packets=Fraction(0),
):
    """Encode RGB frames with full control over everything a container may say about them.

    `audio` is (codec, sample rate, float samples), `audio_delay` its start in seconds; `shift_packets` moves all
    packets in time after encoding, so that a negative shift makes an edit list in MP4.
    """
    frames = list(frames)
    height, width = frames[0].shape[:2]
    time_base = time_base or 1 / Fraction(rate)
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {}, time_base=time_base)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        if tagged and "rgb" not in pix_fmt and "bgr" not in pix_fmt:
            context.colorspace, context.color_primaries, context.color_trc = tags or TAGS[matrix]
            context.color_range = 2 if full else 1
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if field_order is not None:
            context.field_order = field_order
        if rotation is not None:
            stream.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        sound = None if audio is None else _Sound(container, *audio, delay=audio_delay)
        packets = []
        for number, rgb in enumerate(frames):
            frame = _frame(rgb, pix_fmt, matrix, full, bits)
            time = number / Fraction(rate) if times is None else times[number]
            frame.pts, frame.time_base = round(time / time_base), time_base
            packets += stream.encode(frame)
        packets += stream.encode(None)
        for packet in packets:
            ticks = round(shift_packets / Fraction(packet.time_base))
            packet.pts += ticks
            packet.dts += ticks
            container.mux(packet)
        if sound is not None:
            sound.write()
    return path


def _frame(rgb, pix_fmt, matrix, full, bits):
    if "rgb" in pix_fmt or "bgr" in pix_fmt or pix_fmt == "pal8":
        return av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=pix_fmt)
    planar = {"yuv420p", "yuvj420p", "yuv420p10le"}
    if pix_fmt in planar:
        return video_frame(yuv_planes(rgb, matrix, full, bits), pix_fmt)
    whole = video_frame(yuv_planes(rgb, matrix, full, subsample=False), "yuv444p")
    return whole if pix_fmt == "yuv444p" else whole.reformat(format=pix_fmt)


class _Sound:
    def __init__(self, container, codec, rate, samples, delay):
        self.container, self.rate, self.samples, self.delay = container, rate, samples, delay
        self.stream = container.add_stream(codec, rate=rate, layout="mono")

    def write(self):
        context = self.stream.codec_context
        if not context.is_open:
            context.open()
        size = context.frame_size or 1024
        for first in range(0, len(self.samples), size):
            chunk = self.samples[first : first + size].astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
            frame.sample_rate = self.rate
            resampled = av.AudioResampler(context.format, "mono", self.rate).resample(frame)
            for part in resampled:
                part.pts, part.time_base = first + round(self.delay * self.rate), Fraction(1, self.rate)
                self.container.mux(self.stream.encode(part))
        self.container.mux(self.stream.encode(None))


def click(seconds, at, rate=44100):
    """Silence of `seconds` with a loud 20 ms burst `at` seconds."""
    samples = np.zeros(round(seconds * rate))
    first = round(at * rate)
    samples[first : first + rate // 50] = 0.8 * np.sin(2 * np.pi * 1000 * np.arange(rate // 50) / rate)
    return samples


def click_time(path):
    """When the burst is heard, in seconds on the file's clock; None when it is not."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(as_float(frame)) > 0.2)
            if loud.size:
                return frame.time + loud[0] / frame.sample_rate
    return None


def as_float(frame):
    """The first channel of an audio frame in [-1, 1]."""
    samples = frame.to_ndarray()
    channels = len(frame.layout.channels)
    first = samples[0] if frame.format.is_planar else samples.reshape(-1, channels)[:, 0]
    return first / 32768 if first.dtype == np.int16 else first


def sound_span(path):
    """First and last instant of the sound, in seconds; None without any."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None
        frames = [(f.time, f.time + f.samples / f.sample_rate) for f in container.decode(audio=0)]
    return frames[0][0], frames[-1][1]
