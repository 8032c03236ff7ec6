"""Frames into a file: BT.709 with its tags, timestamps kept to the tick, put in place only when whole."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import av
import av.error
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from vidgan.errors import UsageError
from vidgan.video.audio import AudioTrack
from vidgan.video.encoders import choose_encoder, encoder_options, gpu_index, own_scheduling
from vidgan.video.kept import KeptTracks
from vidgan.video.output import check_output, output_error, partial_path
from vidgan.video.pyav import url

LOSSLESS_SUFFIX = ".nut"
"""NUT keeps any time base; Matroska would round to milliseconds and MP4 does not hold FFV1."""

_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".nut": "nut"}
_CLOCK = 90_000  # ticks a second at least, for times that fall off the grid of the frame rate
_BT709, _LIMITED = 1, 1  # ITU-T H.273 code points; BT.709 is 1 as matrix, primaries and transfer


_REORDERED = 3
"""Fewer frames than this have no B-frame among them: they are decoded in the order in which they are shown."""


class _Writer:
    """What both writers share: the file under its temporary name, the video stream and the clock."""

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: Fraction,
        time_base: Fraction | None,
        inputs: Iterable[Path] = (),
    ) -> None:
        self.path = Path(path)
        self.notes: list[str] = []
        self._size = (width, height)
        self._rate = Fraction(rate)
        self._time_base = time_base or _clock(self._rate)
        self._last: int | None = None
        self._step = max(1, round(1 / (self._rate * self._time_base)))
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self.frames = 0
        if self.path.suffix.lower() not in _FORMATS:
            raise UsageError(f"{path}: unknown kind of file: name it {', '.join(_FORMATS)}")
        if width < 1 or height < 1 or self._rate <= 0:
            raise ValueError(f"a clip of {width}x{height} at {rate} frames/s cannot be written")
        check_output(self.path, inputs)
        self._partial = partial_path(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, rgb: NDArray[np.uint8], time: Fraction) -> None:
        """Write one frame, (H, W, 3) uint8 BT.709 RGB, to be shown at `time` seconds (later than the one before).

        Raises:
            OutputError: the disk is full or fails.
        """
        width, height = self._size
        if rgb.shape != (height, width, 3) or rgb.dtype != np.uint8:
            raise ValueError(f"expected a uint8 frame of {(height, width, 3)}, got {rgb.dtype} {rgb.shape}")
        pts = self._ticks(Fraction(time))
        frame = self._frame(np.ascontiguousarray(rgb))
        frame.pts, frame.time_base = pts, self._time_base
        try:
            if self.frames == 0:
                self._begin(pts * self._time_base)
            assert self._stream is not None
            self._mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            self.abort()
            raise output_error(self.path, error) from error
        self.frames += 1

    def close(self) -> None:
        """Finish the file and put it in place.

        Raises:
            OutputError: the disk is full or fails.
            UsageError: not one frame was written.
        """
        if self._container is None:
            return
        if self.frames == 0:
            self.abort()
            raise UsageError(f"{self.path}: there is no frame to write")
        assert self._stream is not None
        assert self._last is not None
        try:
            packets = self._stream.encode(None)
            if self.frames < _REORDERED:  # libx265 then takes decoding times from memory that it never wrote
                for packet in packets:
                    packet.dts = packet.pts
            self._mux(packets)
            self._end((self._last + self._step) * self._time_base)
            self._container.close()
            self._container = None
            self._partial.replace(self.path)
        except (av.error.FFmpegError, OSError) as error:
            self.abort()
            raise output_error(self.path, error) from error

    def abort(self) -> None:
        """Give up: nothing is left behind, an older file at `path` stays."""
        container, self._container = self._container, None
        if container is not None:
            with suppress(av.error.FFmpegError, OSError):
                container.close()
        self._partial.unlink(missing_ok=True)

    def _open(self, options: dict[str, str]) -> OutputContainer:
        try:
            name = _FORMATS[self.path.suffix.lower()]
            self._container = av.open(url(self._partial), "w", format=name, container_options=options)
        except (av.error.FFmpegError, OSError) as error:
            raise output_error(self.path, error) from error
        return self._container

    def _ticks(self, time: Fraction) -> int:
        pts = round(time / self._time_base)
        if self._last is not None:
            if pts <= self._last:
                raise ValueError(f"frame {self.frames} at {time} s does not come after the one before it")
            self._step = pts - self._last
        self._last = pts
        if pts * self._time_base != time:
            self._note(f"timestamps rounded to {self._time_base} s")
        return pts

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _frame(self, rgb: NDArray[np.uint8]) -> VideoFrame:
        raise NotImplementedError

    def _begin(self, time: Fraction) -> None:
        pass

    def _mux(self, packets: list[av.Packet]) -> None:
        assert self._container is not None
        self._container.mux(packets)

    def _end(self, time: Fraction) -> None:
        pass


class ClipWriter(_Writer):
    """Writes a clip to be shown: H.264, HEVC or AV1 with sound.

    `encoder` names the encoder that was chosen, `notes` says why and what else was done (padding, sound, clock).

        with ClipWriter(path, width, height, info.rate, time_base=info.time_base, audio=source) as clip:
            clip.write(rgb, frame.time)

    The file appears at `path` when `close` succeeds; when the block ends with an error nothing is left behind.

    Raises:
        UsageError: the codec or the kind of file is unknown, or they do not go together.
        DeviceError: the encoder asked for does not open here.
        OutputError: the file cannot be written.
        MediaError: the file with the sound cannot be read.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        rate: Fraction,
        *,
        codec: str = "h264",
        encoder: str = "auto",
        crf: int = 18,
        preset: str | None = None,
        time_base: Fraction | None = None,
        audio: Path | None = None,
        audio_start: Fraction | None = None,
        device: str = "cpu",
        metadata: dict[str, str] | None = None,
        keep: Path | None = None,
    ) -> None:
        """Open the file.

        Args:
            path: where to; its suffix chooses the container (.mp4, .mov, .mkv, .webm).
            width: of the frames to come, in pixels.
            height: of the frames to come, in pixels.
            rate: the nominal frame rate in frames per second.
            codec: "h264", "hevc" or "av1".
            encoder: "auto", or one of `ENCODERS[codec]`.
            crf: quality on H.264's scale, 0 best to 51 worst.
            preset: the encoder's own name for its speed; by default a middle one.
            time_base: the clock of the timestamps in seconds; the source's keeps them to the tick.
            audio: the file whose sound is taken along, or None for silence.
            audio_start: the time in `audio`, in seconds, that falls on the first frame; by default where its own
                picture starts, which keeps sound and picture together.
            device: "cpu" for software encoders only; "auto" or "cuda:N" tries NVENC first.
            metadata: tags for the container, such as {"comment": "..."}.
            keep: a film whose further sound tracks and subtitles go along as they are, picture start on picture start.
        """
        super().__init__(path, width, height, rate, time_base, [file for file in (audio, keep) if file is not None])
        suffix = self.path.suffix.lower()
        if suffix == ".webm" and codec != "av1":
            raise UsageError(f"{path}: WebM does not hold {codec}: choose codec av1, or name the file .mp4")
        self.encoder, why = choose_encoder(codec, encoder, device)
        self._note(why)
        if suffix in (".mkv", ".webm") and not _whole_milliseconds(self._time_base):
            self._note(f"{suffix[1:]} rounds timestamps to milliseconds")
        self._scaler = VideoReformatter()
        self._pad = (height % 2, width % 2)
        if any(self._pad):
            self._note(f"padded to {width + width % 2}x{height + height % 2}: 4:2:0 video has even sides")
        container = self._open(self._mp4_options() if suffix in (".mp4", ".m4v", ".mov") else {})
        try:
            container.metadata.update(metadata or {})
            self._stream = self._video(codec, encoder_options(self.encoder, crf, preset, gpu_index(device)))
            self._tracks: list[AudioTrack | KeptTracks] = []
            if audio is not None:
                self._tracks.append(AudioTrack(Path(audio), container, suffix, audio_start))
            if keep is not None:
                self._tracks.append(KeptTracks(Path(keep), container, suffix))
        except BaseException:
            self.abort()
            raise

    def _mp4_options(self) -> dict[str, str]:
        """The index first, and a movie clock fine enough to say exactly when the first frame is shown."""
        ticks = self._time_base.denominator
        return {"movflags": "+faststart", "movie_timescale": str(ticks * ceil(_CLOCK / ticks))}

    def _video(self, codec: str, options: dict[str, str]) -> VideoStream:
        assert self._container is not None
        width, height = self._size
        stream = cast(
            VideoStream,
            self._container.add_stream(self.encoder, rate=self._rate, options=options, time_base=self._time_base),
        )
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        context.thread_type = "AUTO"
        if codec == "hevc" and self.path.suffix.lower() in (".mp4", ".m4v", ".mov"):
            context.codec_tag = "hvc1"  # the name under which Apple's players know HEVC
        with own_scheduling():
            context.open()
        return stream

    def _frame(self, rgb: NDArray[np.uint8]) -> VideoFrame:
        if any(self._pad):
            rgb = np.pad(rgb, ((0, self._pad[0]), (0, self._pad[1]), (0, 0)), mode="edge")
        return self._scaler.reformat(
            VideoFrame.from_numpy_buffer(rgb, format="rgb24"),
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
            threads=1,
        )

    def _begin(self, time: Fraction) -> None:
        for track in self._tracks:
            track.begin(time)

    def _mux(self, packets: list[av.Packet]) -> None:
        super()._mux(packets)
        if self._last is not None:
            for track in self._tracks:
                track.feed(self._last * self._time_base)

    def _end(self, time: Fraction) -> None:
        for track in self._tracks:
            track.finish(time)
            for note in track.notes:
                self._note(note)

    def abort(self) -> None:
        """Give up: nothing is left behind, an older file at `path` stays."""
        for track in getattr(self, "_tracks", ()):
            track.close()
        super().abort()


class LosslessWriter(_Writer):
    """Writes frames that come back bit for bit: FFV1 in NUT, every frame a key frame with its own checksum.

    Measured on 720x1280 dance footage with 2 cores: 95 frames/s in, 108 out, 0.23 MB a frame; libx264rgb at qp 0 is
    1.7 times faster in and takes 2.1 times the space, UT Video three times faster and twice the space.
    """

    def __init__(
        self, path: Path, width: int, height: int, rate: Fraction, *, time_base: Fraction | None = None
    ) -> None:
        """Open the file; `path` ends in `LOSSLESS_SUFFIX`. See `ClipWriter` for the rest."""
        super().__init__(path, width, height, rate, time_base)
        if self.path.suffix.lower() != LOSSLESS_SUFFIX:
            raise UsageError(f"{path}: lossless segments are written as {LOSSLESS_SUFFIX}")
        self.encoder = "ffv1"
        container = self._open({})
        options = {"level": "3", "slices": "4", "slicecrc": "1", "coder": "0"}
        stream = container.add_stream("ffv1", rate=self._rate, options=options, time_base=self._time_base)
        stream.width, stream.height, stream.pix_fmt = width, height, "bgr0"
        stream.codec_context.thread_type = "AUTO"
        self._stream = stream
        self._scaler = VideoReformatter()

    def _frame(self, rgb: NDArray[np.uint8]) -> VideoFrame:
        return self._scaler.reformat(VideoFrame.from_numpy_buffer(rgb, format="rgb24"), format="bgr0", threads=1)


def _clock(rate: Fraction) -> Fraction:
    """A time base on whose grid all frames of a constant `rate` fall, fine enough for those that do not."""
    return Fraction(1, rate.numerator * ceil(_CLOCK / rate.numerator))


def _whole_milliseconds(time_base: Fraction) -> bool:
    return (time_base * 1000).denominator == 1
