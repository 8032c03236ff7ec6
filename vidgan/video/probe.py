"""The facts of a media file, from its header, its first frame and its first packets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgan.errors import MediaError
from vidgan.video.clip import AudioInfo, ClipInfo
from vidgan.video.colour import Colour, Tags, colour_of
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter, current_limits
from vidgan.video.pyav import (
    MICROSECOND,
    Orientation,
    is_image,
    open_media,
    orientation_of,
    out_of_memory,
    to_fraction,
    video_stream,
)

_TIMING_PACKETS = 300
_REORDER = 17  # the most frames that H.264 and HEVC may store out of order: the last ones read may miss a neighbour
_DEFAULT_RATE = Fraction(25)


@dataclass(frozen=True)
class Geometry:
    """From the coded frame to the displayed one: its coded size, pixel aspect (width over height) and orientation."""

    width: int
    height: int
    aspect: Fraction
    orientation: Orientation

    def fitted(self, max_side: int | None = None) -> tuple[int, int]:
        """The displayed (width, height) before turning, its longer side at most `max_side` (then both are even)."""
        width = max(1, round(self.width * self.aspect))
        side = max(width, self.height)
        if max_side is None or side <= max_side:
            return width, self.height
        return _even(width * max_side / side), _even(self.height * max_side / side)

    def displayed(self, max_side: int | None = None) -> tuple[int, int]:
        """The displayed (width, height), turned."""
        width, height = self.fitted(max_side)
        return (height, width) if self.orientation.transpose else (width, height)


@dataclass(frozen=True)
class Examined:
    """A file's facts, and what is needed to turn its decoded frames into displayed RGB."""

    info: ClipInfo
    geometry: Geometry
    colour: Colour
    streams: int


def probe(path: Path, limits: MediaLimits | None = None) -> ClipInfo:
    """The facts of a video file or still picture.

    Raises:
        MediaError: the file is missing, damaged, or of an unknown codec.
        NoVideoError: there is no video in it.
        LimitError: it is larger than `limits` allow.
    """
    return examine(path, limits or current_limits()).info


@isolated
def examine(path: Path, limits: MediaLimits) -> Examined:
    """What `probe` finds, with the facts that a reader needs. Raises what `probe` raises."""
    path = Path(path)
    with open_media(path, limits) as container:
        stream = video_stream(container, path, limits)
        tags = Tags.of(stream.codec_context)
        frame, times = _first_frame(container, stream, path, Meter(path, limits))
        geometry = _geometry(stream, frame, path)
        colour = colour_of(frame, tags)
        time_base = to_fraction(stream.time_base) or MICROSECOND
        duration = _duration(container, stream)
        image = is_image(container)
        rate = _rate(stream, duration)
        width, height = geometry.displayed()
        info = ClipInfo(
            path=path,
            width=width,
            height=height,
            rate=rate,
            time_base=time_base,
            start=(0 if container.format.name == "avi" else frame.pts or 0) * time_base,
            frames=1 if image else _frames(stream, duration, rate),
            duration=1 / rate if image else duration,
            container=container.format.name,
            codec=stream.codec_context.codec.canonical_name,
            pixel_format=frame.format.name,
            bit_depth=max(component.bits for component in frame.format.components),
            rotation=geometry.orientation.rotation,
            matrix=colour.matrix,
            full_range=colour.full_range,
            hdr=colour.hdr,
            interlaced=bool(frame.interlaced_frame),
            variable_rate=_varies(times, time_base),
            audio=audio_info(container),
        )
        return Examined(info, geometry, colour, len(container.streams.video))


_OWN_TAGS = ("major_brand", "minor_version", "compatible_brands", "encoder", "creation_time")


@isolated
def read_tags(path: Path, limits: MediaLimits | None = None) -> dict[str, str]:
    """The tags of a file, such as its title and comment, without those that describe the file as such.

    Raises:
        MediaError: it cannot be read.
    """
    with open_media(path, limits or current_limits()) as container:
        return {name: value for name, value in container.metadata.items() if name.lower() not in _OWN_TAGS}


def audio_info(container: InputContainer) -> AudioInfo | None:
    """The facts of the first audio stream that can be decoded."""
    stream = next((s for s in container.streams.audio if s.codec_context is not None), None)
    if stream is None:
        return None
    base = to_fraction(stream.time_base) or MICROSECOND
    return AudioInfo(
        codec=stream.codec_context.codec.canonical_name,
        sample_rate=stream.codec_context.sample_rate,
        channels=stream.codec_context.channels,
        start=(stream.start_time or 0) * base,
        duration=None if stream.duration is None else stream.duration * base,
    )


def _first_frame(
    container: InputContainer, stream: VideoStream, path: Path, meter: Meter
) -> tuple[VideoFrame, list[int]]:
    """The first frame that decodes, and the sorted timestamps of the first packets."""
    frame: VideoFrame | None = None
    times: list[int] = []
    try:
        for packet in islice(container.demux(stream), _TIMING_PACKETS):
            meter.packet(packet.size)
            if packet.pts is not None and not packet.is_discard:
                times.append(packet.pts)
            if frame is None:
                frame = _decode_one(stream, packet, meter)
    except av.error.FFmpegError:
        pass  # a cut file: what came before still counts
    frame = frame or _decode_one(stream, None, meter)
    if frame is None:
        raise MediaError(f"{path}: not one frame of it can be decoded; convert it to H.264 or record it again")
    whole = len(times) < _TIMING_PACKETS
    return frame, sorted(times) if whole else sorted(times)[:-_REORDER]


def _decode_one(stream: VideoStream, packet: av.Packet | None, meter: Meter) -> VideoFrame | None:
    try:
        frame = next(iter(stream.decode(packet)), None)
    except av.error.FFmpegError as error:
        if out_of_memory(error):
            raise meter.no_memory() from error
        return None
    if frame is not None:
        meter.frame(frame.width, frame.height)
    return frame


def _geometry(stream: VideoStream, frame: VideoFrame, path: Path) -> Geometry:
    aspect = to_fraction(stream.sample_aspect_ratio) or Fraction(1)
    if not Fraction(1, 16) < aspect < 16:  # nonsense in the header
        aspect = Fraction(1)
    return Geometry(frame.width, frame.height, aspect, orientation_of(frame, path))


def _duration(container: InputContainer, stream: VideoStream) -> Fraction | None:
    base = to_fraction(stream.time_base)
    if stream.duration is not None and base is not None:
        return stream.duration * base
    text = stream.metadata.get("DURATION", "")  # Matroska: HH:MM:SS.nnnnnnnnn
    tag = re.fullmatch(r"\s*(\d+):(\d+):(\d+(?:\.\d+)?)\s*", text, re.ASCII)
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + Fraction(tag[3])
    return None if container.duration is None else container.duration * MICROSECOND


def _rate(stream: VideoStream, duration: Fraction | None) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        known = to_fraction(rate)
        if known is not None and 0 < known <= 1000:
            return known
    return Fraction(stream.frames) / duration if stream.frames and duration else _DEFAULT_RATE


def _frames(stream: VideoStream, duration: Fraction | None, rate: Fraction) -> int | None:
    if stream.frames:
        return int(stream.frames)
    return None if duration is None else max(1, round(duration * rate))


def _varies(times: list[int], time_base: Fraction) -> bool:
    """Whether the steps between frames differ by more than the rounding of a container's clock (and by 5 %)."""
    steps = sorted(b - a for a, b in pairwise(times))
    if len(steps) < 2:
        return False
    spread = steps[-1] - steps[0]
    return spread > 2 and spread > steps[len(steps) // 2] / 20 and spread * time_base > Fraction(1, 500)


def _even(size: float) -> int:
    return max(2, 2 * round(size / 2))
