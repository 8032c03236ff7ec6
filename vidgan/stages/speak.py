"""The speak stage: which film frame is shown when, and the face that speaks the new speech in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.audio.fit import Fit, Timeline, fit, stretch_of
from vidgan.audio.hearing import Hearing
from vidgan.audio.sound import read_sound
from vidgan.config import Config
from vidgan.errors import MediaError
from vidgan.face.head import from_head, head_pose, to_head
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.metrics.frames import finite_mean
from vidgan.progress import Progress
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.film_face import shots_of
from vidgan.stages.voice import Voice, frame_seconds
from vidgan.subject.window import gaussian
from vidgan.video.audio import sound_reference

TIMELINE, SPOKEN, OWN = "timeline.npz", "track.npz", "own.npz"

WIDEST = 98
"""The percentile of the film's mouth openings beyond which no mouth is opened: there are no pictures of it."""

FAR_PACE = Fraction(5, 4)
"""Played slower or faster by more than this, people look it."""


class SpeakConfig(Config):
    """How speech and film go together.

    `fit`: see `vidgan.audio.fit`; `close`: seconds in which the mouth closes after a voice, and opens before one;
    `strength` scales the mouth's motion about its closed state.
    """

    fit: Fit = "film"
    close: float = Field(0.08, ge=0, le=1)
    strength: float = Field(1.0, ge=0, le=2)


@dataclass(frozen=True)
class Shown:
    """A finished speak stage: the timeline; shots (N,) the number of the film's shot that each shown frame is of; the
    film's own face and the speaking face in the shown frames; whether the film is `stretched` in time.
    """

    timeline: Timeline
    shots: NDArray[np.int64]
    own: FaceTrack
    spoken: FaceTrack
    stretched: bool

    @property
    def in_time(self) -> bool:
        """Whether the film runs as it was filmed, from its first frame on."""
        return not self.stretched and bool((self.timeline.frames == np.arange(len(self.timeline))).all())

    @classmethod
    def load(cls, folder: Path) -> Shown:
        """Read one."""
        own, spoken = FaceTrack.load(folder / OWN), FaceTrack.load(folder / SPOKEN)
        with np.load(folder / TIMELINE, allow_pickle=False) as data:
            timeline = Timeline(data["frames"], own.pts, own.time_base)
            return cls(timeline, data["shots"], own, spoken, bool(data["stretched"]))


class SpeakStage(Stage[SpeakConfig]):
    """Inputs: `face` and `voice` (stages of the film), `speech` (a file with sound).

    Files: `timeline.npz` (frames, shots), `own.npz` and `track.npz` (the film's own face and the speaking one, a frame
    for each shown frame). Facts: lengths, the speech's share with a voice, cuts, and the mouth's opening in silence.
    """

    name = "speak"
    version = 4
    Config: ClassVar[type[Config]] = SpeakConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Lay the film along the speech and move the mouth.

        Raises:
            MediaError: the speech has no sound, or nobody speaks in it.
        """
        speech = context.input("speech")
        track = FaceTrack.load(context.input("face") / "track.npz")
        voice = Voice.load(context.input("voice"))
        sound = read_sound(speech)
        heard = voice.hear(sound)
        if not heard.voice.any():
            raise MediaError(
                f"{speech.name}: nobody speaks in it (it is {sound.level:.0f} dB loud): give a recording of a voice"
            )
        begin = sound_reference(speech)
        length = sound.start + sound.seconds - begin
        timeline = fit(track.pts, track.time_base, length, self.config.fit)
        self._say_lengths(context.progress, track, timeline, length)
        own = replace(track[timeline.frames], pts=timeline.pts, time_base=timeline.time_base)
        times = float(begin) + timeline.seconds
        here = track.present
        widest = float(np.percentile(mouth_opening(to_head(track.points[here], head_pose(track[here]))), WIDEST))
        spoken, opening, silent = self._spoken(own, voice, heard, times, widest)
        own.save(context.dir / OWN)
        spoken.save(context.dir / SPOKEN)
        shots = shots_of(context.input("face"), timeline.frames)
        np.savez(context.dir / TIMELINE, frames=timeline.frames, shots=shots, stretched=self.config.fit == "speech")
        return {
            "fit": self.config.fit,
            "frames": len(timeline),
            "cuts": len(np.unique(shots)) - 1,
            "speech_seconds": round(float(length), 3),
            "film_seconds": round(float(track.seconds[-1]) + frame_seconds(track), 3),
            "voice_share": round(float(heard.voice.mean()), 3),
            "opening_speaking": finite_mean(opening[~silent]),
            "opening_silent": finite_mean(opening[silent]),
        }

    def _spoken(
        self, own: FaceTrack, voice: Voice, heard: Hearing, times: NDArray, widest: float
    ) -> tuple[FaceTrack, NDArray[np.float64], NDArray[np.bool_]]:
        """The speaking face; the mouth's opening and whether it is silent, of the frames with a face."""
        gate = self._gate(heard, times)
        rest = voice.shape.rest
        mouths = rest + self.config.strength * gate[:, None] * (voice.speak(heard, times) - rest)
        mouths = within(np.clip(mouths, *voice.shape.range), voice.shape, widest)
        here = own.present
        pose = head_pose(own[here])
        head = voice.shape.replaced(to_head(own.points[here], pose), mouths[here])
        points = from_head(head, pose).astype(np.float32)
        image, depth = own.image.copy(), own.depth.copy()
        image[here], depth[here] = points[..., :2], points[..., 2]
        return replace(own, image=image, depth=depth), mouth_opening(head), gate[here] < 0.05

    def _gate(self, heard: Hearing, times: NDArray) -> NDArray[np.float64]:
        """How much the voice moves the mouth, (T,) in [0, 1]: 1 while it speaks, falling to 0 in pauses."""
        close = self.config.close
        offsets = np.linspace(-close, close, 5)
        near = np.mean([heard.voiced(times + offset) for offset in offsets], 0)
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
        smooth = gaussian(near[:, None].astype(np.float32), 0.4 * close / max(step, 1e-3))[:, 0]
        return np.clip(1.5 * smooth.astype(np.float64) - 0.1, 0, 1)

    def _say_lengths(self, progress: Progress, track: FaceTrack, timeline: Timeline, length: Fraction) -> None:
        how = self.config.fit
        film = float(track.seconds[-1]) + frame_seconds(track)
        seconds = float(length)
        if how == "film" and seconds < film - 0.5:
            progress.note(f"the speech ends {film - seconds:.1f} s before the film: nobody speaks in the rest of it")
        if how == "film" and seconds > film + 0.5:
            progress.warn(
                f"the speech is {seconds - film:.1f} s longer than the film and is cut off: --fit loop, or --fit "
                "speech, keeps all of it"
            )
        pace = stretch_of(track.pts, track.time_base, length)
        if how == "speech" and not 1 / FAR_PACE < pace < FAR_PACE:
            progress.warn(f"the film plays {float(pace):.2f} times slower, which shows: --fit loop keeps its pace")


def within(mouths: NDArray, shape: MouthShape, widest: float) -> NDArray[np.float64]:
    """Coefficients (T, K) with wider mouths brought towards rest, so that none is open by more than `widest`."""
    opening, closed = mouth_opening(shape.faces(mouths)), float(mouth_opening(shape.faces(shape.rest[None]))[0])
    share = np.clip((widest - closed) / np.maximum(opening - closed, 1e-9), 0, 1)
    share[opening <= widest] = 1
    limited: NDArray[np.float64] = shape.rest + share[:, None] * (mouths - shape.rest)
    return limited
