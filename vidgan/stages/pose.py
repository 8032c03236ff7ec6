"""The pose stage: one clip's person, frame by frame, in chunks that a killed run goes on from."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Container
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.errors import ConfigError, PersonError
from vidgan.pose.backend import BackendConfig, Detection, PoseBackend, open_backend
from vidgan.pose.chunks import ChunkStore, MaskFile
from vidgan.pose.finish import FinishConfig, RawPoses, describe_missing, finish
from vidgan.pose.people import PLACES, Follower, Found, Person, choose, find_people, needs_following, seen_again
from vidgan.pose.track import LANDMARKS
from vidgan.progress import Progress
from vidgan.stages.base import Stage, StageContext
from vidgan.video.read import ClipReader

CHUNK = 256
"""Frames between two points that a killed run goes on from. The backend starts afresh at each, so that a run that was
killed gives the same track as one that was not; starting costs about 20 ms."""

_EMPTY = {
    "image": np.full((len(LANDMARKS), 2), np.nan, np.float32),
    "world": np.full((len(LANDMARKS), 3), np.nan, np.float32),
    "visibility": np.full(len(LANDMARKS), np.nan, np.float32),
}
_SURVEY_FRAMES = 3
_SURVEY_STEP = 0.5
_SURVEY_SECONDS = 10.0


class PoseConfig(BackendConfig, FinishConfig):
    """Settings of the pose stage.

    `person` is largest, center, left, right or a number counted from the left; `max_side` bounds the frames that the
    backend sees (at 960 it is as fast as at 256, and within a pixel of full size), `mask_side` the stored masks.
    """

    person: str = "largest"
    masks: bool = False
    max_side: int = Field(default=960, ge=64)
    mask_side: int = Field(default=384, ge=32)


class PoseStage(Stage[PoseConfig]):
    """`video` in; `track.npz` and, with `masks`, `masks.npy` out: uint8 (T, h, w), person probability * 255.

    A frame whose landmarks were filled in, or that has no person, has an empty mask.
    """

    name: ClassVar[str] = "pose"
    version: ClassVar[int] = 3
    Config = PoseConfig
    isolated: ClassVar[bool] = True

    def run(self, context: StageContext) -> dict[str, Any]:
        """Detect, chunk by chunk, then repair, fill and smooth.

        Raises:
            PersonError: nobody is in the video, or not the asked person.
        """
        config, progress, path = self.config, context.progress, context.input("video")
        max_side = None if config.backend == "precomputed" else config.max_side
        with ClipReader(path, max_side=max_side) as reader:
            info = reader.info
            store = ChunkStore(context.dir / "raw", _EMPTY)
            with (
                open_backend(config, config.masks) as backend,
                mask_file(context.dir, reader, store.frames, config.mask_side if config.masks else 0) as masks,
            ):
                name = backend.name
                follower, people = _start(backend, reader, config.person, progress)
                speed = detect_all("pose", reader, follower, store, masks, progress)
            for note in reader.notes:
                if not note.startswith("scaled down"):
                    progress.note(f"{path.name}: {note}")
        raw = RawPoses(**store.load())
        if not raw.found.any():
            raise PersonError(f"{path}: no person found in its {len(raw.pts)} frames; use a clip that shows one")
        track = finish(raw, info.time_base, info.width, info.height, name, config)
        missing = describe_missing(track)
        if missing:
            progress.warn(f"{path.name}: {missing}")
        track.save(context.dir / "track.npz")
        shutil.rmtree(context.dir / "raw")
        present = int(track.present.sum())
        return track.facts | {"present": present, "people": people, "backend": name, "frames_per_second": speed}


def mask_file(folder: Path, reader: ClipReader, frames: int, side: int) -> AbstractContextManager[MaskFile | None]:
    """The file that masks of at most `side` pixels are appended to; no file for 0."""
    if not side:
        return nullcontext()
    scale = min(1.0, side / max(reader.width, reader.height))
    size = max(1, round(reader.height * scale)), max(1, round(reader.width * scale))
    return MaskFile(folder / "masks.npy", *size, frames)


def _start(backend: PoseBackend, reader: ClipReader, asked: str, progress: Progress) -> tuple[Follower[Detection], int]:
    """Look at a few frames for how many people there are, and start on the asked one."""
    check_asked(asked)
    people = survey(lambda *frame: find_people(backend, *frame), reader)
    if not people:
        return Follower(backend), 0
    person = choose_aloud(people, asked, reader, progress, "people")
    follow = needs_following(people, reader.height)
    return Follower(backend, person.box if follow else None), len(people)


def check_asked(asked: str) -> None:
    """Refuse, before any work, a person that nobody can be.

    Raises:
        ConfigError: it is no place and no number.
    """
    if asked not in PLACES and not (asked.isdecimal() and int(asked) > 0):
        raise ConfigError(
            f"person {asked!r} is not known; use {', '.join(PLACES)} or a number from 1 (counted from the left)"
        )


def choose_aloud(
    people: list[Person], asked: str, reader: ClipReader, progress: Progress, noun: str, option: str = "--person"
) -> Person:
    """The asked one of the people that a survey found; where there was a choice, says so and which option makes it."""
    person = choose(people, asked, reader.width)
    if len(people) > 1:
        place = people.index(person) + 1
        progress.warn(
            f"{reader.info.path.name}: {len(people)} {noun} seen, taking number {place} from the left ({asked}); "
            f"{option} chooses another"
        )
    return person


def survey(find: Callable[[NDArray[np.uint8], int, float], list[Person]], reader: ClipReader) -> list[Person]:
    """The people of that one of the first frames, half a second apart, that shows most who are also in another.

    The first frames are those from the first one on that shows anybody: whoever was asked for is chosen there, too.
    """
    looks: list[list[Person]] = []
    due, end = 0.0, float("inf")
    for index, frame in enumerate(reader):
        seconds = float(frame.time - reader.info.start)
        if len(looks) == _SURVEY_FRAMES or seconds > end:
            break
        if seconds < due:
            continue
        due = seconds + _SURVEY_STEP
        people = find(frame.rgb, index, seconds)
        if people:
            looks.append(people)
            end = min(end, seconds + _SURVEY_SECONDS)
    lasting = [seen_again(people, looks[:i] + looks[i + 1 :]) for i, people in enumerate(looks)]
    return max(lasting, key=len, default=[])


class Row(Found, Protocol):
    """Somebody who can be stored."""

    @property
    def mask(self) -> NDArray[np.uint8] | None:
        """Where they are, or None."""

    def row(self, scale: NDArray[np.float32]) -> dict[str, NDArray]:
        """Arrays by name, in pixels `scale` (x, y) times as many."""


RowT = TypeVar("RowT", bound=Row)


def detect_all(
    title: str, reader: ClipReader, follower: Follower[RowT], store: ChunkStore, masks: MaskFile | None,
    progress: Progress, cuts: Container[int] = (),
) -> float | None:  # fmt: skip
    """Run the follower over the frames that are not in the store yet; frames per second, None when none were left.

    At the frames `cuts` a new shot begins: the follower forgets whom it followed.

    What is stored is in pixels of the displayed frame.
    """
    began, done = time.monotonic(), store.frames
    scale = np.array([reader.info.width / reader.width, reader.info.height / reader.height], np.float32)
    progress.start(title, reader.info.frames, "frames", done)
    if done:
        progress.note(f"{reader.info.path.name}: {title} goes on at frame {done}")
        follower.box = store.box
    for index, frame in enumerate(reader.frames(done), start=done):
        if index % CHUNK == 0:
            _flush(store, masks, follower)
            follower.restart()
        if index in cuts:
            follower.forget()
        found = follower.detect(frame.rgb, index, float(frame.time))
        store.add(None if found is None else found.row(scale), frame.pts)
        if masks is not None:
            masks.add(None if found is None else found.mask)
        progress.advance(1)
    _flush(store, masks, follower)
    return round((store.frames - done) / (time.monotonic() - began), 1) if store.frames > done else None


def _flush(store: ChunkStore, masks: MaskFile | None, follower: Follower[RowT]) -> None:
    """Masks first: a chunk that is there has its masks."""
    if masks is not None:
        masks.flush()
    store.flush(follower.box)
