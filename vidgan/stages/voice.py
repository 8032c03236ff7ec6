"""The voice stage: how the speaker of a film moves the mouth, from the film's own sound and picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.audio.features import LogMel, SpeechFeatures, speech_features
from vidgan.audio.hearing import Hearing
from vidgan.audio.own import own_sound
from vidgan.audio.sound import Sound
from vidgan.audio.windows import windows
from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.face.head import head_pose, to_head
from vidgan.face.mouth import MouthShape, lip_distance, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.metrics.lip_sync import best_lag, correlation
from vidgan.nets.ridge import best_strength, folds, ridge
from vidgan.nets.speech import MouthEnsemble
from vidgan.stages.base import Stage, StageContext
from vidgan.subject.window import gaussian
from vidgan.tasks.voice import Spoken, VoiceConfig, VoiceTask, build_ensemble, predict
from vidgan.train.checkpoint import read_network, save_network
from vidgan.train.loop import train

WEIGHTS, SHAPE = "mouth.safetensors", "shape.npz"

LEAST_SECONDS = 1.0
"""Of film with a face and a voice: with less nothing can be learnt."""

ENOUGH_SECONDS = 8.0
"""With less the mouth follows roughly, and the run says so."""

MOST_GAIN = 1.6


class VoiceStage(Stage[VoiceConfig]):
    """Inputs: `film`, `face` (its face stage). Files: `mouth.safetensors` (the networks), `shape.npz` (the mouth's
    shape); `fold-N/`, `check/` and `final/` hold the trainings, from which a killed run goes on.

    Facts: seconds learnt from, and `check`: how the film's held-out end is spoken by what was learnt of the rest, next
    to ridge regression on the same features; lags in frames, distances in % of that of the outer eye corners.
    """

    name = "voice"
    seeded = True
    version = 1
    Config: ClassVar[type[Config]] = VoiceConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Learn from the first part and check on the rest; then learn from all."""
        config = self.config
        film, track = context.input("film"), FaceTrack.load(context.input("face") / "track.npz")
        extract = speech_features(config.features, config.weights)
        heard = Hearing.of(own_sound(film), extract)
        seconds = track.pts.astype(np.float64) * float(track.time_base)
        frames = np.flatnonzero(track.present)
        frames = frames[: max(1, round(config.use * len(frames)))]
        spoken_seconds = float(heard.voiced(seconds[frames]).sum()) * frame_seconds(track)
        self._enough(context, film, spoken_seconds)
        head = to_head(track.points[frames], head_pose(track[frames]))
        check = self._check(context, heard, extract, head, seconds[frames])
        if check["correlation"] is None or check["ridge"] is None:
            context.progress.note("the held-out end of the film moves too little to check the mouth on")
        else:
            own, plain = check["correlation"], check["ridge"]
            context.progress.note(f"held-out end spoken with a correlation of {own:.2f} (ridge regression {plain:.2f})")
        shape = MouthShape.of(head, config.coefficients)
        task = self.learn(context, "final", spoken_frames(heard, extract, shape, head, seconds[frames]))
        task.trust(check["trust"])
        facts = {
            "features": extract.name,
            "size": int(heard.features.shape[1]),
            "coefficients": len(shape.spread),
            "reach": task.reach,
            "gain": check["gain"],
            "spoken_seconds": round(spoken_seconds, 2),
            "frames": len(frames),
            "check": check,
        }
        save_network(context.dir / WEIGHTS, task.ensemble, facts | {"config": config.model_dump(mode="json")})
        shape.save(context.dir / SHAPE)
        return facts

    def _enough(self, context: StageContext, film: Path, seconds: float) -> None:
        if seconds < LEAST_SECONDS:
            raise PersonError(
                f"{film.name}: a face with a voice is there for {seconds:.1f} s, at least {LEAST_SECONDS:.0f} s are "
                "needed to learn the mouth from, and a minute is good: give a longer film of the speaker"
            )
        if seconds < ENOUGH_SECONDS:
            context.progress.warn(
                f"only {seconds:.1f} s of face and voice to learn from: that is too little for more than a rough "
                "following of the new speech; half a minute or more is good"
            )

    def learn(self, context: StageContext, name: str, spoken: Spoken) -> VoiceTask:
        """Train on some frames, in the folder `name` of the stage's directory."""
        task = VoiceTask(spoken, self.config, context.seed)
        previous = context.previous / name if context.previous else None
        _, best = train(task, self.config, context.dir / name, context.progress, previous)
        task.load_best(best)
        return task

    def trusted(self, context: StageContext, known: Spoken) -> float:
        """How much of the correction to trust: what moves most like stretches that were not learnt from."""
        agreement = np.zeros(len(self.config.shares))
        gap = known.frames_in(known.reach(self.config.reach))
        for number, (rest, part) in enumerate(folds(len(known), self.config.folds, gap)):
            task = self.learn(context, f"fold-{number}", known.part(rest))
            unseen = known.part(part)
            for index, share in enumerate(self.config.shares):
                task.trust(share)
                made = predict(task.ensemble, unseen, task.reach)
                both = [correlation(*pair) or 0.0 for pair in zip(made.T, unseen.mouths.T, strict=True)]
                agreement[index] += float(np.average(both, weights=np.square(known.weights)))
        return self.config.shares[int(agreement.argmax())]

    def _check(
        self, context: StageContext, heard: Hearing, extract: SpeechFeatures, head: NDArray, seconds: NDArray
    ) -> dict[str, Any]:
        """Learn from the film's first part, speak the rest with its own sound."""
        count = max(2, round((1 - self.config.held_out) * len(head)))
        shape = MouthShape.of(head[:count], self.config.coefficients)
        every = spoken_frames(heard, extract, shape, head, seconds)
        known, rest = every.part(slice(count)), every.part(slice(count, None))
        trust = self.trusted(context, known)
        task = self.learn(context, "check", known)
        task.trust(trust)
        rate = 1 / float(np.median(np.diff(seconds)))
        made = shape.faces(steadied(predict(task.ensemble, rest, task.reach), rate) * shape.spread)
        plain = shape.faces(by_ridge(known, rest, task.reach) * shape.spread)
        truth = shape.faces(shape.coefficients(head[count:]))
        opening, wanted = mouth_opening(made), mouth_opening(head[count:])
        spread = float(opening.std())
        gain = float(np.clip(wanted.std() / spread, 1, MOST_GAIN)) if spread > 1e-6 else 1.0
        still = np.broadcast_to(shape.mean, truth.shape)
        return {
            "frames": len(head) - count,
            "trust": trust,
            "correlation": correlation(opening, wanted),
            "lag": best_lag(opening, wanted),
            "ridge": correlation(mouth_opening(plain), wanted),
            "lip_distance": round(100 * float(lip_distance(made, truth).mean()), 2),
            "lip_distance_when_still": round(100 * float(lip_distance(still, truth).mean()), 2),
            "gain": round(gain, 3),
        }


STEADY_SECONDS = 0.035


def steadied(mouths: NDArray, rate: float) -> NDArray[np.float32]:
    """Coefficients (T, K) at `rate` frames a second without their trembling: a Gaussian of about a frame."""
    return gaussian(np.asarray(mouths, np.float32), STEADY_SECONDS * rate)


def frame_seconds(track: FaceTrack) -> float:
    """The usual time between two frames of a track."""
    return float(np.median(np.diff(track.seconds))) if len(track) > 1 else 0.04


def spoken_frames(
    heard: Hearing, extract: SpeechFeatures, shape: MouthShape, head: NDArray, seconds: NDArray
) -> Spoken:
    """Film frames as examples: landmarks (T, J, 3) in the head frame, and their times (T,) on the film's clock."""
    mouths = shape.coefficients(head) / shape.spread
    centres = (seconds - heard.start) * heard.rate
    arrays = (np.asarray(values, np.float32) for values in (centres, mouths, shape.spread / shape.spread[0]))
    return Spoken(heard.features, heard.rate, isinstance(extract, LogMel), *arrays)


def by_ridge(known: Spoken, rest: Spoken, reach: int) -> NDArray[np.float64]:
    """The baseline: ridge regression on the same windows, its strength chosen on the known frames alone."""
    inputs, unknown = (
        windows(torch.from_numpy(one.features), torch.from_numpy(one.centres), reach).flatten(1).numpy()
        for one in (known, rest)
    )
    strength = best_strength(inputs, known.mouths, known.frames_in(reach))
    matrix, offset = ridge(inputs, known.mouths, strength)
    made: NDArray[np.float64] = unknown @ matrix + offset
    return made


@dataclass(frozen=True)
class Voice:
    """A finished voice stage: the networks, the mouth's shape and what is known of both."""

    ensemble: MouthEnsemble
    shape: MouthShape
    config: VoiceConfig
    facts: dict[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Voice:
        """Read one."""
        weights, facts = read_network(folder / WEIGHTS)
        config = VoiceConfig.model_validate(facts["config"])
        ensemble = build_ensemble(facts["size"], facts["coefficients"], facts["reach"], config)
        ensemble.load_state_dict(weights)
        return cls(ensemble.eval().requires_grad_(False), MouthShape.load(folder / SHAPE), config, facts)

    def hear(self, sound: Sound) -> Hearing:
        """Listen as the networks learnt to."""
        return Hearing.of(sound, speech_features(self.config.features, self.config.weights))

    def speak(self, heard: Hearing, seconds: NDArray) -> NDArray[np.float64]:
        """The mouth's coefficients (T, K) for a sound at times (T,) on its file's clock, silence not minded."""
        count = len(self.shape.spread)
        spoken = Spoken(
            heard.features, heard.rate, self.config.features == "log-mel",
            ((seconds - heard.start) * heard.rate).astype(np.float32),
            np.zeros((len(seconds), count), np.float32), np.ones(count, np.float32),
        )  # fmt: skip
        rate = 1 / float(np.median(np.diff(seconds))) if len(seconds) > 1 else 25.0
        made = steadied(predict(self.ensemble, spoken, self.facts["reach"]), rate).astype(np.float64)
        return made * self.shape.spread * self.facts["gain"]
