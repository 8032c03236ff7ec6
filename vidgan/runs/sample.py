"""Clips out of a generator and into files: `vidgan generate`.

Legend: N clips, T frames, S pixels of a side, H, W pixels of a picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.errors import OutputError, UsageError
from vidgan.progress import Progress
from vidgan.runs.folder import Run
from vidgan.runs.latent import Made
from vidgan.tasks.sequences import Lengthen
from vidgan.trust.mark import FrameMarks, Marks, default_marks
from vidgan.video.output import check_output, output_error, partial_path
from vidgan.video.sheet import save_png
from vidgan.video.write import ClipWriter

Format = Literal["mp4", "gif", "png-strip"]
Clips = NDArray[np.uint8]

SUFFIXES: dict[Format, str] = {"mp4": ".mp4", "gif": ".gif", "png-strip": ".png"}
DEFAULT_FPS = 10.0
SHOWN = 64
"""Clips in the grid, at most."""
AT_ONCE = 16
GAP, BACKGROUND = 2, 24


@dataclass(frozen=True)
class Destination:
    """Where clips go: a folder with one file a clip and a grid of all, or the grid alone as one file."""

    path: Path
    kind: Format
    alone: bool

    @classmethod
    def of(cls, output: Path, kind: Format | None) -> Destination:
        """`output` is the grid when it ends in .mp4, .gif or .png, otherwise a folder.

        Raises:
            UsageError: `kind` says otherwise than the file's name.
            OutputError: it cannot be written there.
        """
        by_name: Format | None = next((it for it, suffix in SUFFIXES.items() if output.suffix.lower() == suffix), None)
        if by_name and kind and by_name != kind:
            raise UsageError(f"-o {output} is no {kind}: name it {output.stem}{SUFFIXES[kind]}, or leave --format out")
        if by_name:
            check_output(output)
            return cls(output, by_name, alone=True)
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{output}: the folder cannot be made ({error.strerror}); write elsewhere") from error
        check_output(output / "grid.mp4")
        return cls(output, kind or "mp4", alone=False)

    @property
    def grid(self) -> Path:
        """The file of the grid."""
        return self.path if self.alone else self.path / f"grid{SUFFIXES[self.kind]}"

    def single(self, name: str) -> Path:
        """The file of one clip."""
        return self.path / f"{name}{SUFFIXES[self.kind]}"


def generate(
    run: Run,
    to: Destination,
    progress: Progress,
    *,
    count: int = 16,
    seed: int = 0,
    frames: int | None = None,
    class_name: str | None = None,
    truncation: float | None = None,
    how: Lengthen = "chain",
    marks: Marks | None = None,
) -> list[Path]:
    """Write the sequences number `seed` to `seed + count - 1`; returns the files, the grid last.

    Files are named by the number of the sequence (and its class), by which `vidgan latent` finds it again. They are
    marked as `marks` says, by default with watermark and credentials.

    Raises:
        UsageError: the class is not one of the run's.
        OutputError: the disk is full or fails.
        TrustError: the own keys will not do.
    """
    write = _marked(run, to, marks, progress, frames=frames, truncation=truncation, longer=how)
    label = class_number(run, class_name)
    fps = frame_rate(run, progress)
    files: list[Path] = []
    shown: list[Clips] = []
    progress.start("generate", count, "clips")
    for start in range(seed, seed + count, AT_ONCE):
        seeds = range(start, min(start + AT_ONCE, seed + count))
        clips = run.sample(seeds, label, truncation, frames, how)
        shown += list(clips[: max(0, SHOWN - len(shown))])
        if not to.alone:
            names = [sequence_name(run, number, label) for number in seeds]
            files += [write.clip(to.single(name), name, clip, fps) for name, clip in zip(names, clips, strict=True)]
        progress.advance(len(clips))
    return [*files, write.grid(to.grid, f"{seed}+{count} {label}", np.stack(shown), fps)]


def write_made(run: Run, to: Destination, made: Made, progress: Progress, marks: Marks | None = None) -> list[Path]:
    """Write clips put together by hand, marked; returns the files, the grid last. Raises OutputError, TrustError."""
    fps = frame_rate(run, progress)
    write = _marked(run, to, marks, progress, columns=made.columns)
    pairs = zip(made.names, made.clips, strict=True)
    files = [] if to.alone else [write.clip(to.single(name), name, clip, fps) for name, clip in pairs]
    return [*files, write.grid(to.grid, " ".join(made.names), made.clips, fps, made.columns)]


@dataclass(frozen=True)
class _Marked:
    """Writes clips with their marks. Strips of frames are data to train on: their pixels stay, they are only signed."""

    run: Run
    marks: Marks
    settings: dict[str, Any]

    def clip(self, path: Path, name: str, clip: Clips, fps: float) -> Path:
        """One clip (T, H, W, 3) whose `name` tells it from the others of the same run."""
        whole = f"{self.run.digest} {self.settings} {name}"
        strip = path.suffix.lower() == ".png"
        over = None if strip else self.marks.frames(whole)
        return self._placed(path, whole, name, lambda partial: write_clip(partial, clip, fps, over))

    def grid(self, path: Path, name: str, clips: Clips, fps: float, columns: int | None = None) -> Path:
        """Clips (N, T, S, S, 3) as one file."""
        whole = f"{self.run.digest} {self.settings} grid {name}"
        strip = path.suffix.lower() == ".png"
        over = None if strip else self.marks.frames(whole)
        said = f"grid of {name}"
        return self._placed(path, whole, said, lambda partial: write_grid(partial, clips, fps, columns, over))

    def _placed(self, path: Path, whole: str, name: str, write: Callable[[Path], object]) -> Path:
        """Write and sign beside `path` and put it in place then: no file without its credentials is ever there."""

        def finish(partial: Path) -> None:
            write(partial)
            watermarked = path.suffix.lower() != ".png"
            said = {"clip": name, "settings": self.settings, "model": self.run.digest}
            self.marks.sign(partial, path.name, whole, watermarked, **said)

        return _placed(path, finish)


def _marked(run: Run, to: Destination, marks: Marks | None, progress: Progress, **settings: Any) -> _Marked:
    """What writes clips with these marks, or, without any, as they come; says what is not drawn."""
    marks = marks or default_marks()
    if marks.label and to.kind == "png-strip":
        progress.note("--label is not drawn on strips of frames: they are data to train on")
    return _Marked(run, marks, settings)


def class_number(run: Run, name: str | None) -> int | None:
    """The label of a class by its name, None for None. Raises UsageError that says which there are."""
    if name is None:
        return None
    if not run.classes:
        raise UsageError(f"--class {name}: {run.path} was trained without classes; leave --class out")
    if name in run.classes:
        return run.classes.index(name)
    close = get_close_matches(name, run.classes, 1)
    advice = f"did you mean {close[0]}?" if close else f"it knows {', '.join(run.classes)}"
    raise UsageError(f"--class {name}: {run.path} was not trained on it; {advice}")


def sequence_name(run: Run, number: int, label: int | None) -> str:
    """`00012`, or `00012-wave` with the class."""
    if not run.classes:
        return f"{number:05d}"
    name = run.classes[number % len(run.classes) if label is None else label]
    safe = "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in name)
    return f"{number:05d}-{safe}"


def frame_rate(run: Run, progress: Progress) -> float:
    """Frames per second of what is written: the training clips', or `DEFAULT_FPS` when they have none (said aloud)."""
    if run.fps:
        return run.fps
    progress.note(f"the training clips have no frame rate: {DEFAULT_FPS:g} frames/s")
    return DEFAULT_FPS


# --- Files ------------------------------------------------------------------------------------------------------------


def write_grid(
    path: Path, clips: Clips, fps: float, columns: int | None = None, marks: FrameMarks | None = None
) -> Path:
    """Clips (N, T, S, S, 3) side by side as one; a PNG gets a row for each clip, time to the right."""
    if path.suffix.lower() == ".png":
        cells = clips.reshape(-1, 1, *clips.shape[2:])
        return _placed(path, lambda partial: save_png(tiled(cells, clips.shape[1])[0], partial))
    return write_clip(path, tiled(clips, columns), fps, marks)


def tiled(clips: Clips, columns: int | None = None) -> Clips:
    """Clips (N, T, S, S, 3) as the cells of a grid, row by row: (T, H, W, 3); nearly square without `columns`."""
    count, frames, size = clips.shape[:3]
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    cell = size + GAP
    grid = np.full((frames, rows * cell + GAP, columns * cell + GAP, 3), BACKGROUND, np.uint8)
    for number, clip in enumerate(clips):
        top, left = GAP + number // columns * cell, GAP + number % columns * cell
        grid[:, top : top + size, left : left + size] = clip
    return grid


def write_clip(path: Path, clip: Clips, fps: float, marks: FrameMarks | None = None) -> Path:
    """Write frames (T, H, W, 3) as .mp4, .gif, or .png (a strip: frames side by side, which `vidgan train` reads).

    `marks` goes over each frame first.

    Raises:
        OutputError: the disk is full or fails.
    """
    suffix = path.suffix.lower()
    if marks is not None:
        clip = np.stack([marks(frame, number / fps) for number, frame in enumerate(clip)])
    if suffix == ".png":
        return _placed(path, lambda partial: save_png(np.concatenate(list(clip), axis=1), partial))
    if suffix == ".gif":
        return _placed(path, lambda partial: _save_gif(partial, clip, fps))
    rate = Fraction(fps).limit_denominator(1001)
    with ClipWriter(path, clip.shape[2], clip.shape[1], rate) as writer:
        for number, frame in enumerate(clip):
            writer.write(frame, number / rate)
    return path


def _save_gif(path: Path, clip: Clips, fps: float) -> None:
    """One palette for all frames, so that colours do not flicker; times are whole hundredths of a second."""
    some = clip[:: max(1, len(clip) // 8)]
    palette = Image.fromarray(np.concatenate(list(some), axis=1)).quantize(256)
    frames = [Image.fromarray(frame).quantize(palette=palette) for frame in clip]
    ends = [round(100 * (number + 1) / fps) for number in range(len(clip))]
    delays = [10 * max(2, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=delays, loop=0, disposal=1)


def _placed(path: Path, write: Callable[[Path], object]) -> Path:
    """Write beside `path` and put it in place when whole."""
    partial = partial_path(path)
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:
        raise output_error(path, error) from error
    finally:
        partial.unlink(missing_ok=True)
    return path
