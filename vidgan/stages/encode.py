"""The encode stage: rendered frames, the source's timestamps and a sound into one finished video file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from vidgan.config import Config
from vidgan.errors import CacheError
from vidgan.face.motion import SUFFIX
from vidgan.metrics.av_sync import av_sync
from vidgan.stages.base import Stage, StageContext
from vidgan.trust.label import LABEL, unwritable
from vidgan.trust.mark import NO_MARK, FrameMarks, number_of, read_key
from vidgan.video.encoders import ENCODERS
from vidgan.video.kept import further_tracks
from vidgan.video.limits import MediaLimits
from vidgan.video.probe import read_tags
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

RENDER_INDEX = "render.json"

_OWN = MediaLimits(isolated=False)
"""Segments are vidgan's own: no process of their own for each."""

_HELD = {"webm": ("av1",), "mov": ("h264", "hevc"), "m4v": ("h264", "hevc")}
"""What a container holds, where it does not hold every codec."""


class EncodeConfig(Config):
    """How the finished video is written.

    `codec` auto is AV1 for WebM and H.264 for all else; `encoder` auto is NVENC where it opens on a GPU run, otherwise
    the software encoder; `crf` is on H.264's scale, 0 best to 51 worst. `label` is a text shown in a corner, true
    stands for "AI generated"; `watermark_key` a file with a secret by which the watermark is made instead of the public
    key. `marked` is false only by `--no-mark`: no file may say it.
    """

    audio: Literal["source", "target", "none"] = "source"
    codec: Literal["auto", "h264", "hevc", "av1"] = "auto"
    encoder: str = "auto"
    crf: int = Field(18, ge=0, le=51)
    container: Literal["mp4", "m4v", "mov", "mkv", "webm"] = "mp4"
    marked: bool = True
    label: bool | str | None = None
    watermark_key: Path | None = None

    @property
    def shown_label(self) -> str | None:
        """The label's text, None for no label."""
        return (LABEL if self.label else None) if isinstance(self.label, bool) else self.label or None

    @property
    def chosen_codec(self) -> str:
        """The codec that `auto` stands for."""
        if self.codec != "auto":
            return self.codec
        return "av1" if self.container == "webm" else "h264"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Refuse before any work what the container or the encoder could not do after all of it."""
        missing = unwritable(self.shown_label or "")
        if missing:
            raise ValueError(f"encode.label {self.label!r} cannot be drawn: no {' '.join(missing)}")
        codec = self.chosen_codec
        held = _HELD.get(self.container, tuple(ENCODERS))
        if codec not in held:
            raise ValueError(f"{self.container} does not hold {codec}: choose codec {' or '.join(held)}, or mp4")
        if self.encoder != "auto" and self.encoder not in ENCODERS[codec]:
            raise ValueError(
                f"encoder {self.encoder} does not write {codec}: choose auto, {', '.join(ENCODERS[codec])}"
            )
        return self


@dataclass(frozen=True)
class RenderedFrames:
    """What the render stage left: lossless segments in order, and the time of every frame.

    `rate` is in frames per second, `pts` in units of `time_base` seconds; `in_time` when they are the film's own frames
    at their own times.
    """

    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    pts: list[int]
    segments: list[Path]
    in_time: bool = True

    @classmethod
    def load(cls, directory: Path) -> RenderedFrames:
        """Read a render directory's index.

        Raises:
            CacheError: it is missing or damaged.
        """
        path = directory / RENDER_INDEX
        try:
            index = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                width=int(index["width"]),
                height=int(index["height"]),
                rate=Fraction(index["rate"]),
                time_base=Fraction(index["time_base"]),
                pts=[int(pts) for pts in index["pts"]],
                segments=[directory / Path(name).name for name in index["segments"]],
                in_time=bool(index.get("in_time", True)),
            )
        except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
            raise CacheError(f"{path} is damaged ({error}): remove {directory} and run again") from error

    @property
    def start(self) -> Fraction:
        """The time of the first frame in seconds."""
        return self.pts[0] * self.time_base if self.pts else Fraction(0)

    def __len__(self) -> int:
        return len(self.pts)

    def __iter__(self) -> Iterator[tuple[NDArray[np.uint8], Fraction]]:
        """Every frame (H, W, 3) RGB with its time in seconds.

        Raises:
            CacheError: the segments hold fewer or more frames than there are times.
        """
        frames = chain.from_iterable(_frames(path) for path in self.segments)
        count = 0
        for count, rgb in enumerate(frames, start=1):
            if count > len(self):
                break
            yield rgb, self.pts[count - 1] * self.time_base
        if count != len(self):
            at_least = "more than " if count > len(self) else ""
            raise CacheError(
                f"{self.segments[0].parent if self.segments else RENDER_INDEX}: {at_least}{min(count, len(self))} "
                f"frames for {len(self)} times: remove the directory and run again"
            )


def finished_video(directory: Path) -> Path:
    """The one video of an encode directory.

    Raises:
        CacheError: it is not there.
    """
    path = next(iter(sorted(directory.glob("output.*"))), None)
    if path is None:
        raise CacheError(f"{directory} holds no finished video: remove it and run again")
    return path


def _frames(path: Path) -> Iterator[NDArray[np.uint8]]:
    with ClipReader(path, limits=_OWN) as reader:
        for frame in reader:
            yield frame.rgb


def _left_out(film: Path | None, in_time: bool) -> list[str]:
    """What is to be said of a film's further tracks where its frames are not shown at their own times."""
    count = 0 if film is None or in_time else further_tracks(film)
    if film is None or not count:
        return []
    tracks = "further track is" if count == 1 else f"{count} further tracks are"
    return [f"{film.name}: its {tracks} left out: the film does not run as it was filmed"]


class EncodeStage(Stage[EncodeConfig]):
    """`frames` (a render directory), `source` and `target` (files) in; `output.<container>` out.

    A saved motion as `source` is silent. With an input `sound` (a sound stage) its `sound.wav` stands for the source's;
    with `film` (a file) the film's tags are kept and, where the frames have the film's own times, its further sound
    tracks and subtitles.
    """

    name: ClassVar[str] = "encode"
    version: ClassVar[int] = 5
    isolated: ClassVar[bool] = True  # sound is copied out of the inputs' containers, which are strangers' files
    Config: ClassVar[type[Config]] = EncodeConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Mark and encode all frames.

        Raises:
            CacheError: the render directory is damaged.
            OutputError: the disk is full or fails.
            DeviceError: the encoder asked for does not open here.
            TrustError: the watermark's key cannot be read.
        """
        config, progress = self.config, context.progress
        number = number_of(context.key) if config.marked else None
        marks = FrameMarks(number, config.shown_label, read_key(config.watermark_key))
        rendered = RenderedFrames.load(context.input("frames"))
        sound, silence = self._sound(context)
        film = context.inputs.get("film")
        output = context.dir / f"output.{config.container}"
        progress.start("encode", len(rendered))
        with ClipWriter(
            output, rendered.width, rendered.height, rendered.rate,
            codec=config.chosen_codec, encoder=config.encoder, crf=config.crf,
            time_base=rendered.time_base, audio=sound, device=context.device,
            metadata=None if film is None else read_tags(film), keep=film if rendered.in_time else None,
        ) as writer:  # fmt: skip
            for rgb, time in rendered:
                writer.write(marks(rgb, float(time - rendered.start)), time)
                progress.advance()
        notes = [*writer.notes, *_left_out(film, rendered.in_time)]
        for note in notes:
            progress.note(note)
        sync = None if sound is None else av_sync(output, sound, rendered.rate)
        if sync is not None and not sync.in_sync:
            progress.warn(f"the sound is {sync.shift:+.3f} s off the picture, more than half a frame")
        return {
            "file": output.name,
            "width": rendered.width,
            "height": rendered.height,
            "rate": str(rendered.rate),
            "frames": len(rendered),
            "bytes": output.stat().st_size,
            "codec": config.chosen_codec,
            "encoder": writer.encoder,
            "crf": config.crf,
            "encoder_reason": writer.notes[0],
            "audio": next((note for note in writer.notes if "sound" in note), f"no sound: {silence}"),
            "notes": notes,
            "mark": {
                "watermark": None if number is None else f"{number:08x}",
                "key": "own" if config.watermark_key else "public",
                "label": config.shown_label,
                "why": None if config.marked else NO_MARK,
            },
            "av_sync": None if sync is None else sync.as_dict(),
        }

    def _sound(self, context: StageContext) -> tuple[Path | None, str]:
        """The file whose sound is taken, or None and why."""
        if self.config.audio == "none":
            return None, "it was switched off"
        mixed = context.inputs.get("sound")
        if mixed is not None and self.config.audio == "source":
            return mixed / "sound.wav", ""
        path = context.input(self.config.audio)
        return (None, "a saved motion has none") if path.suffix.lower() == SUFFIX else (path, "")
