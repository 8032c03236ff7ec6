"""Sound from one file into another: copied packet by packet where the container allows, encoded anew where not."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av.error
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from vidgan.errors import MediaError
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter, current_limits
from vidgan.video.paced import PacedTrack
from vidgan.video.probe import examine
from vidgan.video.pyav import MICROSECOND, open_media, out_of_memory, reason, to_fraction

# What players accept in each container, narrower than what FFmpeg would write.
_COPIED = {
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"),
    ".m4v": ("aac", "mp3", "ac3", "eac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_f32le"),
    ".webm": ("opus", "vorbis"),
}
_ENCODED = {".webm": ("libopus", 48000, 128_000)}
_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 88200, 96000)


@isolated
def av_offset(path: Path, limits: MediaLimits | None = None) -> Fraction | None:
    """Seconds by which the sound of a file starts after its picture (negative: before); None without sound.

    Of a file without a picture it is how late the sound starts after the time that the file itself names.

    Both ends are measured at what is decoded first, so edit lists and encoder delay are accounted for.
    """
    limits = limits or current_limits()
    with open_media(Path(path), limits) as container:
        stream = audio_stream(container)
        first = None if stream is None else _first_sound(container, stream, Meter(path, limits))
    return None if first is None else first - sound_reference(path, limits)


def holds_sound(suffix: str, codec: str) -> bool:
    """Whether a container, by its files' suffix, takes sound of a codec as it is."""
    return suffix not in _COPIED or codec in _COPIED[suffix]


@isolated
def sound_reference(path: Path, limits: MediaLimits | None = None) -> Fraction:
    """The time on a file's clock, in seconds, that counts as its start: its picture's, and without one its sound's.

    Raises:
        MediaError: the file cannot be read, or has neither.
    """
    limits = limits or current_limits()
    with open_media(Path(path), limits) as container:
        picture = _picture_start(container, Path(path), limits)
        if picture is not None:
            return picture
        stream = audio_stream(container)
        if stream is None:
            raise MediaError(f"{path}: has neither picture nor sound that can be decoded")
        return _stream_start(stream)


class AudioTrack(PacedTrack):
    """The sound of a file on its way into an output container.

    Create it before the container's header is written, `begin` with the time of the first frame, `feed` it as the
    picture advances and `finish` at the picture's end, where the sound is cut. `notes` says what was done.
    """

    def __init__(self, path: Path, output: OutputContainer, suffix: str, start: Fraction | None = None) -> None:
        """`start`: the time in the file that falls on the first frame; by default the start of its own picture."""
        super().__init__(output)
        self.notes: list[str] = []
        self._path = path
        self._start = start
        self._end: Fraction | None = None
        self._meter = Meter(path, current_limits())
        self._no_negative = suffix in (".mkv", ".webm")  # no edit lists: all else would be moved for encoder delay
        limits = current_limits()
        container = self._stack.enter_context(open_media(path, limits))
        stream = audio_stream(container)
        if stream is None:
            self.notes.append(f"no sound: {path.name} has none")
            self.close()
            return
        if start is None:
            self._start = sound_reference(path, limits)
        codec = stream.codec_context.codec.canonical_name
        if holds_sound(suffix, codec):
            target = output.add_stream_from_template(stream)
            self._packets = self._copied(container, stream, target)
            self.notes.append(f"sound copied from {path.name} ({codec})")
        else:
            target = _encoder(output, stream, suffix)
            self._packets = self._encoded(container, stream, target)
            name = target.codec_context.codec.canonical_name
            self.notes.append(f"sound of {path.name} encoded anew as {name}: {suffix[1:]} does not hold {codec}")

    def finish(self, end: Fraction) -> None:
        """Write the rest up to the picture's `end` in seconds, and let go of the file."""
        self._end = end
        super().finish(end)

    def _copied(
        self, container: InputContainer, stream: AudioStream, target: AudioStream
    ) -> Iterator[tuple[Fraction, Packet]]:
        base = to_fraction(stream.time_base) or MICROSECOND
        following: int | None = None
        for packet in self._demuxed(container, stream):
            pts = packet.pts if packet.pts is not None else packet.dts if packet.dts is not None else following
            pts = 0 if pts is None else pts
            following = pts + (packet.duration or 0)
            packet.pts = packet.dts = pts + round(self._shift / base)
            packet.stream = target
            if packet.pts < 0 and self._no_negative:
                continue
            middle = packet.pts * base + (packet.duration or 0) * base / 2
            yield middle, packet

    def _encoded(
        self, container: InputContainer, stream: AudioStream, target: AudioStream
    ) -> Iterator[tuple[Fraction, Packet]]:
        context = target.codec_context
        base = Fraction(1, context.sample_rate)
        if not context.is_open:
            context.open()
        resampler = AudioResampler(context.format, context.layout, context.sample_rate, context.frame_size or None)
        for packet in self._demuxed(container, stream, flush=True):
            for decoded in _decoded(stream, packet, self._meter):
                for frame in resampler.resample(decoded):
                    yield from self._encode(target, frame, base)
            if self._end is not None:
                break
        for frame in resampler.resample(None):
            yield from self._encode(target, frame, base)
        yield from self._encode(target, None, base)

    def _encode(
        self, target: AudioStream, frame: av.AudioFrame | None, base: Fraction
    ) -> Iterator[tuple[Fraction, Packet]]:
        if frame is not None:
            time = (frame.pts or 0) * (to_fraction(frame.time_base) or base) + self._shift
            frame.time_base = base
            frame.pts = round(time / base)
            if self._end is not None and time >= self._end:
                return
        for packet in target.encode(frame):
            yield (packet.pts or 0) * (to_fraction(packet.time_base) or base), packet

    def _demuxed(self, container: InputContainer, stream: AudioStream, flush: bool = False) -> Iterator[Packet]:
        try:
            for packet in container.demux(stream):
                if packet.size or flush:
                    yield packet
        except av.error.FFmpegError as error:
            self.notes.append(f"the sound of {self._path.name} is cut off: {reason(error)}")


def audio_stream(container: InputContainer) -> AudioStream | None:
    """The first sound track that there is a decoder for."""
    return next((s for s in container.streams.audio if s.codec_context is not None), None)


def _stream_start(stream: AudioStream) -> Fraction:
    return (stream.start_time or 0) * (to_fraction(stream.time_base) or MICROSECOND)


def _picture_start(container: InputContainer, path: Path, limits: MediaLimits) -> Fraction | None:
    if not any(not int(s.disposition) & 0x400 for s in container.streams.video):
        return None
    return examine(path, limits).info.start


def decoded_sound(container: InputContainer, stream: AudioStream, meter: Meter) -> Iterator[av.AudioFrame]:
    """All of a track that decodes; where the file is damaged or cut off, the rest of it is left out.

    Raises:
        LimitError: there is more in it than `meter` allows, or than fits the memory.
    """
    try:
        for packet in container.demux(stream):
            yield from _decoded(stream, packet, meter)
    except av.error.FFmpegError:
        return


def _first_sound(container: InputContainer, stream: AudioStream, meter: Meter) -> Fraction | None:
    for packet in container.demux(stream):
        for frame in _decoded(stream, packet, meter):
            if frame.pts is not None:
                return frame.pts * (to_fraction(stream.time_base) or MICROSECOND)
    return None


def _decoded(stream: AudioStream, packet: Packet, meter: Meter) -> list[av.AudioFrame]:
    meter.packet(packet.size)
    try:
        frames = stream.decode(packet)
    except av.error.FFmpegError as error:
        if out_of_memory(error):
            raise meter.no_memory() from error
        return []
    base = to_fraction(stream.time_base) or MICROSECOND
    for frame in frames:
        size = frame.samples * frame.layout.nb_channels * frame.format.bytes
        meter.sound(size, None if frame.pts is None else frame.pts * base)
    return frames


def _encoder(output: OutputContainer, stream: AudioStream, suffix: str) -> AudioStream:
    name, rate, bit_rate = _ENCODED.get(suffix, ("aac", 48000, 192_000))
    own = stream.codec_context.sample_rate
    if name == "aac" and own in _AAC_RATES:
        rate = own
    layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    target = cast(AudioStream, output.add_stream(name, rate=rate))
    target.codec_context.layout = layout
    target.codec_context.bit_rate = bit_rate
    target.codec_context.time_base = Fraction(1, rate)
    return target
