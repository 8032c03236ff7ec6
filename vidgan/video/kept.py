"""Tracks that go along as they are: further sound tracks and subtitles, copied packet by packet."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream

from vidgan.video.audio import holds_sound, sound_reference
from vidgan.video.isolate import isolated
from vidgan.video.limits import current_limits
from vidgan.video.paced import PacedTrack
from vidgan.video.pyav import MICROSECOND, open_media, reason, to_fraction

_SUBTITLES = {".mp4": ("mov_text",), ".m4v": ("mov_text",), ".mov": ("mov_text",), ".webm": ("webvtt",)}
"""What containers hold of subtitles; Matroska holds all."""


class KeptTracks(PacedTrack):
    """The tracks of a film but its picture and its first sound, on their way into an output container.

    Create it before the container's header is written, `begin` with the time of the first frame, `feed` it as the
    picture advances and `finish` at its end. `notes` says what was kept and what could not be.
    """

    def __init__(self, path: Path, output: OutputContainer, suffix: str) -> None:
        super().__init__(output)
        self.notes: list[str] = []
        self._path = path
        limits = current_limits()
        container = self._stack.enter_context(open_media(path, limits))
        self._start = sound_reference(path, limits)
        self._targets: dict[int, Stream] = {}
        streams: list[Stream] = [stream for stream in _others(container) if self._take(stream, output, suffix)]
        if streams:
            self._packets = self._copied(container, streams)

    def _take(self, stream: AudioStream | SubtitleStream, output: OutputContainer, suffix: str) -> bool:
        what = "sound" if isinstance(stream, AudioStream) else "subtitles"
        language = stream.metadata.get("language", "")
        name = f"{what} {stream.index}{f' ({language})' if language else ''}"
        codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else ""
        if isinstance(stream, AudioStream):
            held = holds_sound(suffix, codec)
        else:
            held = suffix not in _SUBTITLES or codec in _SUBTITLES[suffix]
        if not codec or not held:
            self.notes.append(f"{name} of {self._path.name} left out: {suffix[1:]} does not hold {codec or 'it'}")
            return False
        target = output.add_stream_from_template(stream)
        target.metadata.update(stream.metadata)
        self._targets[stream.index] = target
        self.notes.append(f"{name} of {self._path.name} kept ({codec})")
        return True

    def _copied(self, container: InputContainer, streams: list[Stream]) -> Iterator[tuple[Fraction, Packet]]:
        try:
            for packet in container.demux(streams):
                if packet.pts is None or not packet.size:
                    continue
                base = to_fraction(packet.time_base) or MICROSECOND
                ticks = round(self._shift / base)
                packet.pts += ticks
                packet.dts = packet.pts if packet.dts is None else packet.dts + ticks
                packet.stream = self._targets[packet.stream.index]
                if packet.pts >= 0:
                    yield packet.pts * base, packet
        except av.error.FFmpegError as error:
            self.notes.append(f"the other tracks of {self._path.name} are cut off: {reason(error)}")


@isolated
def further_tracks(path: Path) -> int:
    """How many tracks a film has that `KeptTracks` would take along.

    Raises:
        MediaError: it cannot be read.
    """
    with open_media(path, current_limits()) as container:
        return len(_others(container))


def _others(container: InputContainer) -> list[AudioStream | SubtitleStream]:
    """Sound tracks after the first and subtitles, in their order."""
    sounds = [stream for stream in container.streams.audio if stream.codec_context is not None]
    found: list[AudioStream | SubtitleStream] = [*sounds[1:], *container.streams.subtitles]
    return sorted(found, key=lambda stream: stream.index)
