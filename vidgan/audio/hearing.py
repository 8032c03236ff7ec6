"""What is heard at the moments of a film.

Legend: F feature frames, D values of each, G hundredths of a second, T moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.audio.activity import voice_activity
from vidgan.audio.features import LogMel, SpeechFeatures, normalised
from vidgan.audio.mel import FRAMES_PER_SECOND, log_mel
from vidgan.audio.sound import Sound


@dataclass(frozen=True)
class Hearing:
    """A sound as a mouth follows it: normalised `features` (F, D) at `rate` a second; `voice` (G,) bool, whether
    somebody speaks, a hundredth of a second each; `start`: seconds on its file's clock.
    """

    features: NDArray[np.float32]
    rate: int
    voice: NDArray[np.bool_]
    start: float

    @classmethod
    def of(cls, sound: Sound, extract: SpeechFeatures | None = None) -> Hearing:
        """Of a 16 kHz sound; the features are its log-mel spectrum unless another extractor is given."""
        mel = log_mel(sound.samples)
        voice = voice_activity(mel)
        if extract is None or isinstance(extract, LogMel):
            return cls(normalised(mel, voice), LogMel.rate, voice, float(sound.start))
        features = extract(sound)
        places = np.round(np.arange(len(features)) * FRAMES_PER_SECOND / extract.rate).astype(int)
        speaking = voice[np.minimum(places, len(voice) - 1)]
        return cls(normalised(features, speaking), extract.rate, voice, float(sound.start))

    def at(self, seconds: NDArray) -> NDArray[np.float32]:
        """The features about times (T,), averaged over three: (T, D)."""
        places = np.round((seconds - self.start) * self.rate).astype(int)[:, None] + np.arange(-1, 2)
        features: NDArray[np.float32] = self.features[places.clip(0, len(self.features) - 1)].mean(1)
        return features

    def voiced(self, seconds: NDArray, within: float = 0.0) -> NDArray[np.bool_]:
        """Whether there is a voice `within` so many seconds of times (T,)."""
        reach = round(within * FRAMES_PER_SECOND)
        places = np.round((seconds - self.start) * FRAMES_PER_SECOND).astype(int)[:, None] + np.arange(
            -reach, reach + 1
        )
        inside = (places >= 0) & (places < len(self.voice))
        return np.asarray((self.voice[places.clip(0, len(self.voice) - 1)] & inside).any(1))
