"""A sound's spectrum at the moments of a film.

Legend: F hundredths of a second, B bands, T moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.audio.activity import voice_activity
from vidgan.audio.features import normalised
from vidgan.audio.mel import FRAMES_PER_SECOND, log_mel
from vidgan.audio.sound import Sound


@dataclass(frozen=True)
class Hearing:
    """A sound's normalised log-mel spectrum (F, B), where its voice is (F,), and when it starts on its file's clock."""

    spectrum: NDArray[np.float32]
    voice: NDArray[np.bool_]
    start: float

    @classmethod
    def of(cls, sound: Sound) -> Hearing:
        """Of a 16 kHz sound."""
        mel = log_mel(sound.samples)
        voice = voice_activity(mel)
        return cls(normalised(mel, voice), voice, float(sound.start))

    def at(self, seconds: NDArray) -> NDArray[np.float32]:
        """The spectrum about times (T,), averaged over three hundredths: (T, B)."""
        places = np.round((seconds - self.start) * FRAMES_PER_SECOND).astype(int)[:, None] + np.arange(-1, 2)
        spectrum: NDArray[np.float32] = self.spectrum[places.clip(0, len(self.spectrum) - 1)].mean(1)
        return spectrum

    def voiced(self, seconds: NDArray, within: float = 0.0) -> NDArray[np.bool_]:
        """Whether there is a voice `within` so many seconds of times (T,)."""
        reach = round(within * FRAMES_PER_SECOND)
        places = np.round((seconds - self.start) * FRAMES_PER_SECOND).astype(int)[:, None] + np.arange(
            -reach, reach + 1
        )
        inside = (places >= 0) & (places < len(self.voice))
        return np.asarray((self.voice[places.clip(0, len(self.voice) - 1)] & inside).any(1))
