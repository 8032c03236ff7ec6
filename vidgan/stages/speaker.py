"""The speaker stage: the face of a film that speaks, asked for by place or found by its sound."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.audio.hearing import Hearing
from vidgan.audio.own import own_sound
from vidgan.audio.sound import Sound
from vidgan.errors import PersonError
from vidgan.face.backend import MeshBackend
from vidgan.face.head import head_pose, to_head
from vidgan.face.mouth import MouthShape
from vidgan.face.shots import OTHER, only_the_first
from vidgan.face.track import FaceTrack
from vidgan.metrics.mouth_judge import MouthJudge
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage, FaceStageConfig
from vidgan.stages.pose import survey
from vidgan.video.cuts import THRESHOLD, find_cuts
from vidgan.video.read import ClipReader

AUTO = "auto"

CUTS = "cuts.npy"

LEAST_FRAMES = 25
"""A face seen in fewer is nobody's who speaks."""

COEFFICIENTS = 8


class SpeakerConfig(FaceStageConfig):
    """`other_face`: see `vidgan.face.shots.OTHER`; `cut_threshold` is `scdet`'s, for all stages that mind cuts."""

    other_face: float = Field(OTHER, gt=0)
    cut_threshold: float = Field(THRESHOLD, gt=0, le=100)


class SpeakerStage(FaceStage):
    """As the face stage, with one more `person`: auto is the face whose mouth tells most of what is heard.

    After a cut the face is chosen anew; shots in which it is another one than in the first are left without a face.
    `cuts.npy` keeps the frames that begin a new shot. cuts: these, where they are known.
    """

    name: ClassVar[str] = "speaker"
    version: ClassVar[int] = 4
    choosing: ClassVar[str] = "--speaker"
    Config = SpeakerConfig
    config: SpeakerConfig

    def __init__(self, config: SpeakerConfig, cuts: list[int] | None = None) -> None:
        super().__init__(config)
        self._cuts = cuts

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the asked face, or all of them in turn, and keep the one that speaks: `person` in the facts.

        Raises:
            MediaError: the film has no sound of its own, or nobody is heard in it: all further work would be in vain.
            PersonError: as the face stage.
        """
        sound = own_sound(context.input("video"))
        np.save(context.dir / CUTS, np.array(self.cuts(context), np.int64))
        if self.config.person != AUTO:
            return self._one(self.config.person, context)
        path = context.input("video")
        with (
            ClipReader(path, max_side=self.config.max_side) as reader,
            MeshBackend(self.config, False) as backend,
        ):
            count = len(survey(backend.faces, reader))
        if count < 2:
            return self._one("largest", context)
        scores = []
        for number in range(1, count + 1):
            folder = context.dir / f"face-{number}"
            folder.mkdir(exist_ok=True)
            try:
                self._one(str(number), replace(context, dir=folder, progress=Silent()))
                scores.append(speaking(FaceTrack.load(folder / "track.npz"), sound))
            except PersonError as error:
                context.progress.note(str(error))
                scores.append(-np.inf)
            shutil.rmtree(folder, ignore_errors=True)
        best = int(np.argmax(scores)) + 1
        context.progress.note(
            f"face {best} of {count}, from the left, goes best with the voice: --speaker N takes another"
        )
        return self._one(str(best), context)

    def cuts(self, context: StageContext) -> list[int]:
        """The film's cuts, looked for once."""
        if self._cuts is None:
            self._cuts = find_cuts(context.input("video"), self.config.cut_threshold)
        return self._cuts

    def followed(self, track: FaceTrack, cuts: list[int], context: StageContext) -> FaceTrack:
        """The speaker alone, who is the face of the first shot that shows one."""
        track, left_out = only_the_first(track, cuts, self.config.other_face)
        if left_out:
            seconds = track.seconds
            spans = ", ".join(f"{seconds[shot.start]:.1f} to {seconds[shot.stop - 1]:.1f} s" for shot in left_out)
            context.progress.warn(
                f"{context.input('video').name}: {len(left_out)} of {len(cuts) + 1} shots show another face and stay "
                f"as filmed ({spans}); --set face.other_face={2 * self.config.other_face:g} takes it for the same"
            )
        return track

    def _one(self, person: str, context: StageContext) -> dict[str, Any]:
        stage = SpeakerStage(self.config.model_copy(update={"person": person}), self._cuts)
        return FaceStage.run(stage, context) | {"person": person}


def shots_of(face: Path, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the shot that each of a film's frames (N,) is of, from its finished speaker stage: (N,)."""
    return np.searchsorted(np.load(face / CUTS, allow_pickle=False), frames, side="right")


def speaking(track: FaceTrack, sound: Sound) -> float:
    """How well a mouth's motion tells what is heard, on stretches that were not learnt from: about 0 of a listener."""
    here = track.present
    if here.sum() < LEAST_FRAMES:
        return -np.inf
    head = to_head(track.points[here], head_pose(track[here]))
    seconds = track.pts[here].astype(np.float64) * float(track.time_base)
    mouths = MouthShape.of(head, COEFFICIENTS).coefficients(head)
    return MouthJudge.of(mouths, Hearing.of(sound).at(seconds)).real
