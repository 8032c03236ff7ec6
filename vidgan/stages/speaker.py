"""The speaker stage: the face of a film that speaks, asked for by place or found by its sound."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from vidgan.audio.hearing import Hearing
from vidgan.audio.own import own_sound
from vidgan.audio.sound import Sound
from vidgan.errors import PersonError
from vidgan.face.backend import MeshBackend
from vidgan.face.head import head_pose, to_head
from vidgan.face.mouth import MouthShape
from vidgan.face.track import FaceTrack
from vidgan.metrics.mouth_judge import MouthJudge
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.film_face import FilmFaceStage
from vidgan.stages.pose import survey
from vidgan.video.read import ClipReader

AUTO = "auto"

LEAST_FRAMES = 25
"""A face seen in fewer is nobody's who speaks."""

COEFFICIENTS = 8


class SpeakerStage(FilmFaceStage):
    """As the film_face stage, with one more `person`: auto is the face whose mouth tells most of what is heard."""

    name: ClassVar[str] = "speaker"
    version: ClassVar[int] = 4
    choosing: ClassVar[str] = "--speaker"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the asked face, or all of them in turn, and keep the one that speaks: `person` in the facts.

        Raises:
            MediaError: the film has no sound of its own, or nobody is heard in it: all further work would be in vain.
            PersonError: as the face stage.
        """
        sound = own_sound(context.input("video"))
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

    def _one(self, person: str, context: StageContext) -> dict[str, Any]:
        stage = SpeakerStage(self.config.model_copy(update={"person": person}), self.cuts(context))
        return FilmFaceStage.run(stage, context) | {"person": person}


def speaking(track: FaceTrack, sound: Sound) -> float:
    """How well a mouth's motion tells what is heard, on stretches that were not learnt from: about 0 of a listener."""
    here = track.present
    if here.sum() < LEAST_FRAMES:
        return -np.inf
    head = to_head(track.points[here], head_pose(track[here]))
    seconds = track.pts[here].astype(np.float64) * float(track.time_base)
    mouths = MouthShape.of(head, COEFFICIENTS).coefficients(head)
    return MouthJudge.of(mouths, Hearing.of(sound).at(seconds)).real
