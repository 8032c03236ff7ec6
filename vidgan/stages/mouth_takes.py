"""The mouth takes stage: what a generator learns to mend a film's mouths from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.face.track import FaceTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.film_face import shots_of
from vidgan.stages.voice import Voice
from vidgan.subject.dubbing import Choice, MouthConfig, MouthPainter
from vidgan.subject.mend import HEIGHT
from vidgan.subject.mouths import Mouths
from vidgan.subject.rehearse import spread_blocks, uses
from vidgan.subject.stored import as_matte
from vidgan.subject.takes import TakesWriter

HOLD = 8
"""Frames for which a mouth taken at random is held."""


class MouthTakesConfig(Config):
    """Windows of at most `size` pixels; at most `frames` of the film, the last `held_out` of them kept for judging.

    Each is drafted with the mouth that fits it best, and `ways` - 1 times with another of about the same head pose, all
    at least `apart` frames away, or an eighth of the kept frames where that is less.
    """

    size: int = Field(192, ge=32, multiple_of=32)
    frames: int = Field(360, ge=24)
    ways: int = Field(3, ge=1)
    apart: int = Field(15, ge=1)
    turned: float = Field(8.0, gt=0, description="Degrees within which two heads are posed alike.")
    held_out: float = Field(0.15, gt=0, le=0.5)


class MouthTakesStage(Stage[MouthTakesConfig]):
    """Inputs: `face` (speaker), `voice`, `mouths` (stages). Files: `Takes`. Facts: what was taken.

    A killed run goes on after the last of every few pictures.
    """

    name: ClassVar[str] = "mouth_takes"
    seeded: ClassVar[bool] = True
    version: ClassVar[int] = 6
    Config: ClassVar[type[Config]] = MouthTakesConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Draft the kept frames from each other.

        Raises:
            PersonError: the mouth is seen in so few frames that there is no other one to draft from.
        """
        config = self.config
        mouths, shape = Mouths.load(context.input("mouths")), Voice.load(context.input("voice")).shape
        track = FaceTrack.load(context.input("face") / "track.npz")[mouths.frames]
        taken = spread_blocks(np.ones(len(mouths), bool), config.frames)
        use = uses(taken, config.held_out)
        known = np.zeros(len(mouths), bool)
        known[taken[[one == "train" for one in use]]] = True
        near = np.abs(mouths.frames[:, None] - mouths.frames[None]) < min(config.apart, max(1, len(mouths) // 8))
        banned = near | ~known[None]
        if banned.all(1).any():
            raise PersonError(
                f"the mouth is seen in {len(mouths)} frames, which is too few to learn to mend it: give a longer film, "
                "or use --quality draft"
            )
        shots = shots_of(context.input("face"), mouths.frames)
        number = mouths.frames + shots  # skips one at a cut, so that no sequence runs across it
        runs = np.concatenate([[0], np.cumsum(np.diff(number) != 1)])
        painter = MouthPainter(track, track, mouths.frames, runs, mouths, shape, MouthConfig(occlusion=False), banned)
        rng = np.random.default_rng(context.seed)
        others = [self._others(rng, mouths, banned, runs) for _ in range(config.ways - 1)]
        size = min(config.size, 32 * max(1, -(-int(mouths.own_sides.max()) // 32)))
        writer = TakesWriter(context.dir, config.ways * len(taken), len(taken), size)
        context.progress.start("rehearse", len(taken), "frames", done=writer.done)
        for index in range(writer.done, len(taken)):
            position = taken[index]
            frame = np.asarray(mouths.crop(int(position)))
            for way, choice in enumerate([painter.likeness, *others]):
                draft, cover = painter.drafted(frame, int(position), choice)
                judged = "apart" if way and use[index] == "held" else use[index]
                row = way * len(taken) + index
                writer.draft(row, _at(draft, size), index, way, int(number[position]), judged)
            place = mouths.face(int(position)).points / len(frame)
            height = HEIGHT * float(painter.unit[position]) / len(frame)
            writer.film(index, _at(frame, size), _at(as_matte(cover), size), place, height)
            writer.keep(index + 1)
            context.progress.advance()
        writer.close()
        return {"frames": len(taken), "ways": config.ways, "drafts": len(writer.of), "size": size}

    def _others(
        self, rng: np.random.Generator, mouths: Mouths, banned: NDArray[np.bool_], runs: NDArray[np.int64]
    ) -> Choice:
        """Mouths at random among those of about the same head pose, each held for some frames."""
        index = np.zeros((len(mouths), 2), np.int64)
        for block in _blocks(banned, runs):
            alike = np.abs(mouths.turned - mouths.turned[block[0]]).max(1) < self.config.turned
            free = ~banned[block].any(0)
            index[block] = rng.choice(np.flatnonzero(alike & free if (alike & free).any() else free))
        return Choice(index, np.tile(np.array([1, 0], np.float32), (len(mouths), 1)))


def _blocks(banned: NDArray[np.bool_], runs: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Frames that are drafted with one mouth: `HOLD` of a run, or single ones where, in a short film, none is free for
    all.
    """
    for run in np.unique(runs):
        frames = np.flatnonzero(runs == run)
        for start in range(0, len(frames), HOLD):
            block = frames[start : start + HOLD]
            yield from block[:, None] if banned[block].any(0).all() else [block]


def _at(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A square picture at another size."""
    way = cv2.INTER_AREA if len(picture) > size else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (size, size), interpolation=way), np.uint8)
