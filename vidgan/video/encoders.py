"""Which video encoders really work on this machine: each is tried on a frame before it is trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
import av.error
from av.video.codeccontext import VideoCodecContext

from vidgan.errors import DeviceError, UsageError
from vidgan.video.pyav import reason

ENCODERS: dict[str, tuple[str, ...]] = {
    "h264": ("h264_nvenc", "libx264"),
    "hevc": ("hevc_nvenc", "libx265"),
    "av1": ("av1_nvenc", "libsvtav1"),
}
"""The encoders of each codec, the preferred one first."""

_PROBE_SIZE = 256  # NVENC refuses frames below about 160 pixels


@dataclass(frozen=True)
class EncoderProbe:
    """Whether an encoder encoded a frame here, and if not, what it said."""

    name: str
    works: bool
    detail: str


def list_encoders(codec: str) -> list[EncoderProbe]:
    """Try every encoder of a codec ("h264", "hevc", "av1"), the preferred one first.

    Raises:
        UsageError: the codec is not one of them.
    """
    return [try_encoder(name) for name in _encoders(codec)]


def choose_encoder(codec: str, encoder: str = "auto", device: str = "auto") -> tuple[str, str]:
    """The encoder to use, and a sentence that says which and why.

    With "auto", an NVIDIA encoder is taken when the device is not "cpu" and it opens, otherwise the software one.

    Raises:
        UsageError: the codec is unknown, or the encoder does not write it.
        DeviceError: the encoder asked for does not open here, or none does.
    """
    names = _encoders(codec)
    if encoder != "auto":
        if encoder not in names:
            raise UsageError(f"encoder {encoder!r} does not write {codec}: choose auto, {', '.join(names)}")
        probe = try_encoder(encoder, gpu_index(device))
        if not probe.works:
            raise DeviceError(f"encoder {encoder} does not open here ({probe.detail}): choose encoder auto")
        return encoder, f"encoded with {encoder}, as asked"
    refused: list[str] = []
    for name in names:
        if name.endswith("_nvenc") and device == "cpu":
            continue
        probe = try_encoder(name, gpu_index(device))
        if probe.works:
            return name, f"encoded with {name}" + "".join(f"; {other}" for other in refused)
        refused.append(f"{name} does not open here ({probe.detail})")
    raise DeviceError(f"no encoder for {codec} works here: {'; '.join(refused)}; choose another codec")


@cache
def try_encoder(name: str, gpu: int = 0) -> EncoderProbe:
    """Encode one frame. NVENC is in every PyAV wheel, but opens only with a driver and a GPU that has an encoder."""
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 talks on stderr otherwise
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width = context.height = _PROBE_SIZE
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, 25)
        context.framerate = Fraction(25)
        context.options = encoder_options(name, 28, gpu=gpu)
        with own_scheduling():
            packets = context.encode(av.VideoFrame(_PROBE_SIZE, _PROBE_SIZE, "yuv420p")) + context.encode(None)
    except (av.error.FFmpegError, ValueError, OSError) as error:
        return EncoderProbe(name, False, reason(error))
    return EncoderProbe(name, bool(packets), "" if packets else "it gave no data")


@contextmanager
def own_scheduling() -> Iterator[None]:
    """Keep how this process is scheduled while an encoder is opened.

    SVT-AV1, opened by root, makes its caller a real-time process; from then on it and all its children would take the
    cores from everybody else, and wait for each other in vain.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, parameters)


def encoder_options(name: str, crf: int, preset: str | None = None, gpu: int = 0) -> dict[str, str]:
    """The encoder's options for a quality of `crf` on H.264's scale (0 best, 51 worst; 18 is visually lossless)."""
    if name.endswith("_nvenc"):
        quality = str(max(1, crf + 1))
        return {"preset": preset or "p5", "rc": "vbr", "cq": quality, "b:v": "0", "gpu": str(gpu)}
    if name == "libx264":
        return {"preset": preset or "medium", "crf": str(crf)}
    if name == "libx265":
        return {"preset": preset or "fast", "crf": str(crf + 3), "x265-params": "log-level=error"}
    return {"preset": preset or "8", "crf": str(min(63, crf + 8)), "svtav1-params": "film-grain=0"}


def gpu_index(device: str) -> int:
    """The GPU number in "cuda:N"; 0 for everything else."""
    _, _, index = device.partition(":")
    return int(index) if index.isdigit() else 0


def _encoders(codec: str) -> tuple[str, ...]:
    if codec not in ENCODERS:
        raise UsageError(f"codec {codec!r} is unknown: choose {', '.join(ENCODERS)}")
    return ENCODERS[codec]
