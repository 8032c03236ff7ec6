"""A small labelled set of clips to learn from: one of the cast does one move in a plain room, over and over.

Legend: T frames, S pixels of a side.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import OutputError, UsageError
from vidgan.performers.dance import Dance, choreograph
from vidgan.performers.pair import LICENCES
from vidgan.performers.patterns import rgb
from vidgan.performers.people import CAST
from vidgan.performers.performer import Performer, face_track
from vidgan.performers.rig import Motion, Rig, turn
from vidgan.performers.room import PAINTS, WOODS, RoomSpec, make_camera, make_light
from vidgan.progress import Progress
from vidgan.video.output import check_output, output_error, partial_path
from vidgan.video.write import ClipWriter

SHOWN = ("raise", "squat", "side turn", "march", "kick", "disco")
"""The moves (of `dance.MOVES`) that are the classes."""
ASKEW = {"kick": (50.0, 75.0)}
"""Degrees that a move is turned from the camera, to either side; what a kick does is not seen from the front."""
RATE = Fraction(25, 2)
"""Frames a second: 16 frames show more than half a move of 4 beats, 32 all of it."""
TEMPO = (100.0, 120.0)
"""Beats a minute; slower than a dance, for a beat has only 6 to 8 frames."""
CRF = 12
"""H.264 quality; what is learnt from should not show the encoder's blocks."""


@dataclass(frozen=True)
class Take:
    """One clip to make: clip `number` of its seed, the `again`-th time that CAST[who] does this move."""

    number: int
    move: str
    who: int
    again: int

    @property
    def file(self) -> str:
        """Its path below the set's folder: the class, then who."""
        # No hyphen but the one after the name, so that `([A-Za-z]+)-` finds the person.
        return f"{self.move.replace(' ', '_')}/{CAST[self.who].name}-{self.again:02d}.mp4"


def plan_clips(count: int, seed: int) -> tuple[Take, ...]:
    """The first `count` clips of a seed: all moves in turn, and each person does each once before any does it again.

    Raises:
        UsageError: `count` is below 1.
    """
    if count < 1:
        raise UsageError(f"{count} clips cannot be rendered; ask for at least 1")
    order = np.random.default_rng((seed, 0)).permutation(len(CAST))
    moves, people = len(SHOWN), len(CAST)
    return tuple(
        Take(k, SHOWN[k % moves], int(order[(k // moves + k % moves) % people]), k // (moves * people))
        for k in range(count)
    )


def plain_room(rng: np.random.Generator) -> RoomSpec:
    """A painted wall with a skirting board and a floor of one colour: nothing that 64 pixels turn into noise."""
    side, half, skirting = 64, 2.2, 0.12
    paint, wood = PAINTS[int(rng.integers(len(PAINTS)))][0], WOODS[int(rng.integers(len(WOODS)))]
    floor, wall = (_flat(colour, side) for colour in (wood, paint))
    wall[-round(skirting / (2 * half) * side) :] = _flat("#ece8df", 1)
    return RoomSpec(half, 1.4, 3.3, floor, wall, wall)


def _flat(colour: str, side: int) -> NDArray[np.uint8]:
    return np.tile(np.round(np.asarray(rgb(colour)) * 255).astype(np.uint8), (side, side, 1))


class Scene:
    """One person in a room before a camera that stands still, made once for all clips of this person and seed."""

    def __init__(self, who: int, seed: int, size: int) -> None:
        from vidgan.performers.stage import Stage

        rng = np.random.default_rng((seed, 1, who))
        self.performer = Performer(CAST[who])
        self.camera = make_camera(rng, self.performer.body.height, moving=False)
        self.stage = Stage(self.performer, plain_room(rng), make_light(rng), size)

    def film(self, motion: Motion, faces: list[dict[str, float]]) -> Iterator[NDArray[np.uint8]]:
        """The frames (S, S, 3) uint8 RGB of a motion."""
        maps, roots = self.performer.body.transforms(motion.rotations), self.performer.place(motion)
        for bones, root, face in zip(maps, roots, faces, strict=True):
            yield self.stage.draw(self.performer.pose(bones, root, face), self.camera, 0.0)[0]


def make_motion(rig: Rig, take: Take, seed: int, frames: int) -> Motion:
    """A take's motion: the move again and again, from anywhere in its first 4 beats on."""
    rng = np.random.default_rng((seed, 2, take.number))
    tempo = float(rng.uniform(*TEMPO))
    late = int(rng.integers(round(4 * 60 / tempo * RATE)))
    heading = float(rng.choice([-1, 1]) * rng.uniform(*ASKEW.get(take.move, (0.0, 0.0))))
    dance = choreograph(rng, late + frames, float(RATE), (take.move,), tempo=tempo)
    return rig.motion(excerpt(dance, late, heading))


def excerpt(dance: Dance, late: int, heading: float) -> Dance:
    """The dance from frame `late` on, all of it turned to the person's left by `heading` degrees."""
    around = turn("z", heading)[:2, :2].T
    channels = {name: values[late:] for name, values in dance.channels.items()}
    channels["x"], channels["y"] = (np.stack([channels["x"], channels["y"]], -1) @ around).T
    channels["heading"] = channels["heading"] + heading
    feet = {
        name: np.hstack([path[late:, :2] @ around, path[late:, 2:] + [heading, 0]]) for name, path in dance.feet.items()
    }
    return Dance(channels, feet, dance.fps, dance.moves)


def render_clips(
    out_dir: Path, *, count: int, seed: int = 0, frames: int = 32, size: int = 64, progress: Progress
) -> tuple[Path, ...]:
    """Render `out_dir`/MOVE/PERSON-NN.mp4 and meta.json, and give the paths of the clips.

    Clip k depends on seed, frames, size and k alone, and one that is there is kept: an interrupted run goes on when it
    is given again, and a greater `count` adds to a set.

    Args:
        out_dir: made when missing.
        count: clips, of `len(SHOWN)` classes and up to `len(CAST)` people; whole rounds are multiples of their product.
        seed: decides who comes first, rooms, light, cameras and how the moves are done.
        frames: of each clip, `RATE` a second.
        size: side of the square pictures in pixels.
        progress: told of every frame.

    Raises:
        DependencyError: the extra `performers` is not installed.
        UsageError: `count` is below 1.
        OutputError: the folder or a file cannot be written, or the folder holds clips of other settings.
    """
    from vidgan.performers import chart
    from vidgan.performers.body import library

    takes = plan_clips(count, seed)
    library()
    _settle(out_dir / "meta.json", _meta(seed, frames, size))
    left = [take for take in takes if not (out_dir / take.file).exists()]
    if left:
        progress.note("building the body model (half a minute the first time, seconds later)")
        rig = Rig(chart.reference())
    progress.start("clips", count * frames, done=(count - len(left)) * frames)
    for who, own in groupby(sorted(left, key=lambda take: take.who), key=lambda take: take.who):
        scene = Scene(who, seed, size)
        for take in own:
            _write(out_dir / take.file, scene, make_motion(rig, take, seed, frames), (seed, 3, take.number), progress)
    return tuple(out_dir / take.file for take in takes)


def _write(path: Path, scene: Scene, motion: Motion, seed: tuple[int, ...], progress: Progress) -> None:
    faces = face_track(scene.performer.person, len(motion), motion.fps, np.random.default_rng(seed))
    size = scene.stage.size
    with ClipWriter(path, size, size, RATE, crf=CRF, device="cpu") as clip:
        for index, picture in enumerate(scene.film(motion, faces)):
            clip.write(picture, index / RATE)
            progress.advance()


def _meta(seed: int, frames: int, size: int) -> dict[str, Any]:
    return {
        "seed": seed, "frames": frames, "size": size, "fps": float(RATE), "moves": list(SHOWN),
        "people": [person.name for person in CAST], "licences": LICENCES,
    }  # fmt: skip


def _settle(path: Path, wanted: dict[str, Any]) -> None:
    """Note what the folder's clips are, and refuse to mix them with others."""
    check_output(path)
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        partial = partial_path(path)
        try:
            partial.write_text(json.dumps(wanted, indent=1))
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise output_error(path, error) from error
        return
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}); delete it, or choose another folder") from error
    other = [name for name, value in wanted.items() if not isinstance(found, dict) or found.get(name) != value]
    if other:
        raise OutputError(
            f"{path}: the clips there are of other {', '.join(other)}; give the same again, or choose another folder"
        )
