"""The face stage: one clip's face, frame by frame, in chunks that a killed run goes on from."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vidgan.errors import PersonError
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.finish import FaceFinishConfig, finish
from vidgan.face.follow import FaceFollower
from vidgan.face.regions import LANDMARKS
from vidgan.face.track import FaceTrack
from vidgan.pose.chunks import ChunkStore
from vidgan.pose.finish import describe_missing
from vidgan.pose.people import overlap
from vidgan.progress import Progress
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.pose import check_asked, choose_aloud, detect_all, mask_file, survey
from vidgan.video.read import ClipReader

SMALL = 48
"""Pixels of width below which a face is too small to do anything good with."""

TOUCHING = 0.05
"""Two faces overlap when this share of the smaller one's box is common to both."""

_EMPTY = {
    "image": np.full((LANDMARKS, 2), np.nan, np.float32),
    "depth": np.full(LANDMARKS, np.nan, np.float32),
}


class FaceStageConfig(FaceConfig, FaceFinishConfig):
    """Settings of the face stage.

    `person` is largest, center, left, right or a number counted from the left; `max_side` bounds the frames that are
    searched, `masks` asks for person masks, at most `mask_side` large.
    """

    person: str = "largest"
    masks: bool = False
    max_side: int = Field(default=1920, ge=64)
    mask_side: int = Field(default=512, ge=32)


class FaceStage(Stage[FaceStageConfig]):
    """`video` in; `track.npz` and, with `masks`, `masks.npy` out: uint8 (T, h, w), person probability * 255.

    A frame whose face was filled in, or that has none, has an empty mask.
    """

    name: ClassVar[str] = "face"
    version: ClassVar[int] = 3
    Config = FaceStageConfig
    isolated: ClassVar[bool] = True
    choosing: ClassVar[str] = "--person"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Detect, chunk by chunk, then fill and smooth.

        Raises:
            PersonError: no face is in the video, or not the asked one, or it is too small.
        """
        track, facts = self.find(context)
        track.save(context.dir / "track.npz")
        shutil.rmtree(context.dir / "raw")
        return facts

    def find(self, context: StageContext) -> tuple[FaceTrack, dict[str, Any]]:
        """The track and its facts; the raw chunks stay in the stage's directory until it is done."""
        config, progress, path = self.config, context.progress, context.input("video")
        cuts = self.cuts(context)
        with ClipReader(path, max_side=config.max_side) as reader:
            info = reader.info
            store = ChunkStore(context.dir / "raw", _EMPTY)
            with (
                MeshBackend(config, config.masks) as backend,
                mask_file(context.dir, reader, store.frames, config.mask_side if config.masks else 0) as masks,
            ):
                follower, faces = self._start(backend, reader, progress)
                speed = detect_all("face", reader, follower, store, masks, progress, set(cuts))
        raw = store.load()
        if not np.isfinite(raw["image"]).any():
            raise PersonError(
                f"{path}: no face found in its {len(raw['pts'])} frames; use a clip or picture that shows one from the "
                "front, larger than about 60 pixels"
            )
        track = finish(raw, info.time_base, info.width, info.height, MeshBackend.name, config, cuts)
        track = self.followed(track, cuts, context)
        width = float(np.median(np.ptp(track.image[track.present, :, 0], axis=1)))
        if width < SMALL:
            raise PersonError(
                f"{path}: the face is only {width:.0f} pixels wide, {SMALL} are needed; use a closer or larger picture"
            )
        missing = describe_missing(track, "face")
        if missing:
            progress.warn(f"{path.name}: {missing}")
        return track, track.facts | {
            "present": int(track.present.sum()), "people": faces, "backend": track.backend,
            "face_width": round(width, 1), "frames_per_second": speed,
        }  # fmt: skip

    def cuts(self, context: StageContext) -> list[int]:
        """The frames that begin a new shot: none, the clip is taken as one."""
        return []

    def followed(self, track: FaceTrack, cuts: list[int], context: StageContext) -> FaceTrack:
        """The track of the asked face alone, of a clip with cuts."""
        return track

    def _start(self, backend: MeshBackend, reader: ClipReader, progress: Progress) -> tuple[FaceFollower, int]:
        """Look at a few frames for how many faces there are, and start on the asked one."""
        config, name = self.config, reader.info.path.name
        check_asked(config.person)
        people = survey(backend.faces, reader)
        if not people:
            return FaceFollower(backend, None, config.masks, config.person), 0
        person = choose_aloud(people, config.person, reader, progress, "faces", self.choosing)
        if any(overlap(person.box, other.box) > TOUCHING for other in people if other is not person):
            progress.warn(f"{name}: another face overlaps the one that is taken: they may be mixed up there")
        return FaceFollower(backend, person.box, config.masks, config.person), len(people)
