"""The speaker stage: the face of a film that speaks, asked for by place or found by its sound."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from vidgan.audio.activity import loudness, voice_activity
from vidgan.audio.mel import FRAMES_PER_SECOND, log_mel
from vidgan.audio.sound import Sound, read_sound
from vidgan.errors import PersonError
from vidgan.face.backend import MeshBackend
from vidgan.face.expression import expression_of
from vidgan.face.track import FaceTrack
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage
from vidgan.stages.pose import survey
from vidgan.video.read import ClipReader

AUTO = "auto"

REACH = 0.2
"""Seconds over which a mouth's motion is taken: it moves with speech, whether or not it opens with loudness."""


class SpeakerStage(FaceStage):
    """As the face stage, with one more `person`: auto is the face whose mouth moves while there is a voice."""

    name: ClassVar[str] = "speaker"
    choosing: ClassVar[str] = "--speaker"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the asked face, or all of them, one after the other, and keep the one that speaks."""
        if self.config.person != AUTO:
            return super().run(context)
        path = context.input("video")
        with (
            ClipReader(path, max_side=self.config.max_side) as reader,
            MeshBackend(self.config, False) as backend,
        ):
            count = len(survey(backend.faces, reader))
        if count < 2:
            return self._one("largest", context)
        sound = read_sound(path)
        scores = []
        for number in range(1, count + 1):
            folder = context.dir / f"face-{number}"
            folder.mkdir(exist_ok=True)
            try:
                self._one(str(number), replace(context, dir=folder))
                scores.append(speaking(FaceTrack.load(folder / "track.npz"), sound))
            except PersonError as error:
                context.progress.note(str(error))
                scores.append(-np.inf)
            shutil.rmtree(folder, ignore_errors=True)
        best = int(np.argmax(scores)) + 1
        context.progress.note(
            f"face {best} of {count}, from the left, moves its mouth most with the voice: --speaker N takes another"
        )
        return self._one(str(best), context)

    def _one(self, person: str, context: StageContext) -> dict[str, Any]:
        return FaceStage(self.config.model_copy(update={"person": person})).run(context)


def speaking(track: FaceTrack, sound: Sound) -> float:
    """How much more a mouth moves while there is a voice, and with its loudness; about 0 of a listener, 1 of a speaker.

    The correlation over time of how far the mouth's opening varies within `REACH` with whether a loud voice is there.
    """
    here = track.present
    if here.sum() < 10:
        return -np.inf
    opening = expression_of(track[here]).mouth
    seconds = track.pts[here].astype(np.float64) * float(track.time_base)
    reach = max(1, round(REACH / max(1e-3, float(np.median(np.diff(seconds))))))
    places = np.arange(len(opening))[:, None] + np.arange(-reach, reach + 1)
    motion = opening[places.clip(0, len(opening) - 1)].std(1)
    mel = log_mel(sound.samples)
    level = np.where(voice_activity(mel), loudness(mel), loudness(mel).min())
    at = np.round((seconds - float(sound.start)) * FRAMES_PER_SECOND).astype(int).clip(0, len(level) - 1)
    voiced = level[at]
    if np.ptp(motion) < 1e-9:
        return 0.0
    together = float(np.corrcoef(motion, voiced)[0, 1]) if np.ptp(voiced) > 1e-9 else 0.0
    return together + float(motion.mean())
