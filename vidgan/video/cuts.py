"""Where a film cuts from one shot to the next, by FFmpeg's `scdet` filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame

from vidgan.video.decode import Damage, decode, set_threads
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter, current_limits
from vidgan.video.pyav import MICROSECOND, open_media, to_fraction, video_stream

WIDTH = 320
"""Frames are compared at this width."""

THRESHOLD = 10.0
"""`scdet`'s score (0 to 100) from which a frame begins a new shot; FFmpeg's own default."""


@isolated
def find_cuts(path: Path, threshold: float = THRESHOLD, limits: MediaLimits | None = None) -> list[int]:
    """The numbers of the frames that begin a new shot, rising, without the film's first.

    Raises:
        MediaError: the file cannot be read; NoVideoError and LimitError as for reading it.
    """
    limits = limits or current_limits()
    with open_media(Path(path), limits) as container:
        stream = video_stream(container, Path(path), limits)
        set_threads(stream)
        marks = _marked(decode(container, stream, Damage(), Meter(path, limits)), threshold)
        return [number for number, cut in enumerate(marks) if cut and number]


def _marked(frames: Iterator[VideoFrame], threshold: float) -> Iterator[bool]:
    """For every frame whether a shot begins with it."""
    graph: Graph | None = None
    for number, frame in enumerate(frames):
        frame.pts = number  # scdet needs no times, and broken ones must not stop it
        graph = graph or _scdet(frame, threshold)
        graph.push(frame)
        yield from _pulled(graph)
    if graph is not None:
        graph.push(None)
        yield from _pulled(graph)


def _scdet(frame: VideoFrame, threshold: float) -> Graph:
    graph = Graph()
    base = to_fraction(frame.time_base) or MICROSECOND
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=base)
    smaller = graph.add("scale", f"w='min(iw,{WIDTH})':h=-2:flags=area")
    scdet = graph.add("scdet", threshold=str(threshold))
    graph.link_nodes(source, smaller, scdet, graph.add("buffersink")).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[bool]:
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield "lavfi.scd.time" in frame.metadata
