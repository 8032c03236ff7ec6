"""The sound stage: the new speech over the film's own ambience."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.audio.activity import voice_activity
from vidgan.audio.ambience import bed_of, without_voice
from vidgan.audio.mel import log_mel
from vidgan.audio.sound import read_sound, write_wav
from vidgan.config import Config
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.speak import Shown
from vidgan.video.audio import sound_reference

RATE = 48_000
SOUND = "sound.wav"


class SoundConfig(Config):
    """`keep_ambience` turns the stage on; `level` scales the ambience."""

    keep_ambience: bool = False
    level: float = Field(1.0, ge=0, le=4)


class SoundStage(Stage[SoundConfig]):
    """Inputs: `film`, `speech` (files), `speak` (stage). File: `sound.wav`, 48 kHz, one channel, which begins with the
    first shown frame. Facts: seconds, and whether there was ambience to keep.
    """

    name = "sound"
    version = 1
    Config: ClassVar[type[Config]] = SoundConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Mix."""
        shown = Shown.load(context.input("speak"))
        line = shown.timeline
        film, speech = read_sound(context.input("film"), RATE), read_sound(context.input("speech"), RATE)
        step = float(np.median(np.diff(line.seconds))) if len(line) > 1 else 0.04
        length = round((float(line.seconds[-1]) + step) * RATE)
        voice = voice_activity(log_mel(read_sound(context.input("film")).samples))
        in_time = shown.in_time
        ambience = without_voice(film.samples, voice, RATE) if in_time else bed_of(film.samples, voice, RATE, length)
        if ambience is None:
            context.progress.warn(
                f"{context.input('film').name}: its sound has no pause in the speech, from which its ambience could be "
                "taken: the new speech stands alone"
            )
        mixed = np.zeros(length, np.float32)
        if ambience is not None:
            first = round(float(film.start - sound_reference(context.input("film"))) * RATE) if in_time else 0
            _add(mixed, self.config.level * ambience, first)
        _add(mixed, speech.samples, round(float(speech.start - sound_reference(context.input("speech"))) * RATE))
        write_wav(context.dir / SOUND, mixed, RATE)
        return {"seconds": round(length / RATE, 3), "ambience": ambience is not None}


def _add(mixed: NDArray[np.float32], samples: NDArray[np.float32], first: int) -> None:
    """Add samples to `mixed` from position `first` on, in place; what lies beyond it is left out."""
    begin, end = max(0, first), min(len(mixed), first + len(samples))
    if begin < end:
        mixed[begin:end] += samples[begin - first : end - first]
