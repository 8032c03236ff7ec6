"""From packets to frames: nothing lost at the end, nothing given up for one bad packet, and the damage counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av.error
from av.container import InputContainer
from av.filter import Graph
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vidgan.video.limits import Meter
from vidgan.video.pyav import MICROSECOND, out_of_memory, reason, to_fraction

_DECODER_BUDGET = 1 << 30  # bytes of frames that decoder threads may hold between them


@dataclass
class Damage:
    """What went wrong while decoding: `packets` read and `bad` ones among them, and why reading `stopped` early."""

    packets: int = 0
    bad: int = 0
    stopped: str | None = None


def set_threads(stream: VideoStream) -> None:
    """Decode on all cores, with fewer threads where each of them would hold a huge frame."""
    context = stream.codec_context
    frame_bytes = max(1, context.width * context.height * 3)
    context.thread_type = "AUTO"
    context.thread_count = max(1, min(os.cpu_count() or 1, 16, _DECODER_BUDGET // (4 * frame_bytes)))


def decode(container: InputContainer, stream: VideoStream, damage: Damage, meter: Meter) -> Iterator[VideoFrame]:
    """Every frame of the stream that can be had, in the order of display.

    A packet that does not decode is skipped; when the file ends in the middle of one, reading stops there. Either way
    the frames waiting in the decoder come out at the end. Packets without a decoding time are decoded like all others.

    Raises:
        LimitError: there is more in it than `meter` allows, or than fits the memory.
    """
    base = to_fraction(stream.time_base) or MICROSECOND
    for packet in _packets(container, stream, damage, meter):
        try:
            frames = stream.decode(packet)
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if out_of_memory(error):
                raise meter.no_memory() from error
            damage.bad += 1
            continue
        for frame in frames:
            meter.frame(frame.width, frame.height, None if frame.pts is None else frame.pts * base)
            yield frame


def _packets(container: InputContainer, stream: VideoStream, damage: Damage, meter: Meter) -> Iterator[Packet | None]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            damage.stopped = reason(error)
            break
        if packet.size and packet.is_corrupt and container.format.name.startswith("mov"):
            damage.stopped = "the file ends in the middle of a frame"
            break
        damage.packets += bool(packet.size)
        meter.packet(packet.size)
        yield packet
    yield None  # the error swallowed the flush packet


def deinterlace(frames: Iterator[VideoFrame], time_base: Fraction) -> Iterator[VideoFrame]:
    """Turn interlaced frames into progressive ones, one for one, with bwdif; progressive ones are left as they are."""
    graph = None
    for frame in frames:
        if graph is None:
            if not frame.interlaced_frame:
                yield frame
                continue
            graph = _bwdif(frame, time_base)
        frame.time_base = time_base
        graph.push(frame)
        yield from _pull(graph, time_base)
    if graph is not None:
        graph.push(None)
        yield from _pull(graph, time_base)


def _bwdif(frame: VideoFrame, time_base: Fraction) -> Graph:
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)
    bwdif = graph.add("bwdif", mode="send_frame", parity="auto", deint="interlaced")
    graph.link_nodes(source, bwdif, graph.add("buffersink")).configure()
    return graph


def _pull(graph: Graph, time_base: Fraction) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if frame.pts is not None:  # bwdif halves the time base
            frame.pts = round(frame.pts * (to_fraction(frame.time_base) or time_base) / time_base)
        frame.time_base = time_base
        yield frame
