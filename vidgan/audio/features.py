"""What a mouth is driven by: features of speech, by an interface, so that a stronger extractor can be chosen.

Legend: F feature frames at the extractor's `rate` a second, D values each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.audio.mel import BANDS, FRAMES_PER_SECOND, log_mel
from vidgan.audio.sound import RATE, Sound
from vidgan.errors import DependencyError, UsageError

Extractor = Literal["log-mel", "whisper"]

_WHISPER_SECONDS = 30
_WHISPER_OVERLAP = 4


class SpeechFeatures(Protocol):
    """Turns a sound into features.

    `name` says which in reports; `rate`: frames a second, frame k lies k / rate seconds after the sound's start;
    `size`: D.
    """

    name: str
    rate: int
    size: int

    def __call__(self, sound: Sound) -> NDArray[np.float32]:
        """The features of a 16 kHz sound, (F, D)."""


class LogMel:
    """The log-mel spectrum (`vidgan.audio.mel`): needs no model and knows no language."""

    name = "log-mel"
    rate = FRAMES_PER_SECOND
    size = BANDS

    def __call__(self, sound: Sound) -> NDArray[np.float32]:
        """The spectrum of a 16 kHz sound, (F, 40)."""
        return log_mel(sound.samples)


class WhisperEncoder:
    """The last hidden states of a Whisper encoder (Radford et al. 2022) in a local folder as `transformers` saves it.

    Sound is read in windows of 30 s that overlap by 4 s, of which each gives its inner part.
    """

    name = "whisper"
    rate = 50

    def __init__(self, weights: Path) -> None:
        """Load the encoder.

        Raises:
            DependencyError: `transformers` is not installed, or there is no Whisper in the folder.
        """
        try:
            from transformers import WhisperFeatureExtractor, WhisperModel
        except ModuleNotFoundError as error:
            if error.name != "transformers":
                raise
            raise DependencyError(
                "speech features by whisper need the package transformers: pip install transformers, or leave "
                "voice.features at log-mel"
            ) from None
        if not (weights / "config.json").is_file():
            raise DependencyError(
                f"{weights} holds no Whisper model (config.json and weights, as transformers saves them): give the "
                "folder of one as voice.weights, or leave voice.features at log-mel"
            )
        try:
            self._extract: Any = WhisperFeatureExtractor.from_pretrained(weights, local_files_only=True)
            self._encoder: Any = WhisperModel.from_pretrained(
                weights, local_files_only=True, use_safetensors=True
            ).encoder.eval()
        except (OSError, ValueError) as error:
            raise DependencyError(f"{weights}: no Whisper can be loaded from it: {error}".splitlines()[0]) from error
        self.size = int(self._encoder.config.d_model)

    @torch.inference_mode()
    def __call__(self, sound: Sound) -> NDArray[np.float32]:
        """The hidden states of a 16 kHz sound, (F, d_model)."""
        total = 1 + len(sound.samples) * self.rate // RATE
        out = np.zeros((total, self.size), np.float32)
        edge = _WHISPER_OVERLAP // 2
        for begin in range(0, max(1, -(-len(sound.samples) // RATE)), _WHISPER_SECONDS - _WHISPER_OVERLAP):
            window = sound.samples[begin * RATE : (begin + _WHISPER_SECONDS) * RATE]
            inputs = self._extract(window, sampling_rate=RATE, return_tensors="pt").input_features
            states = self._encoder(inputs).last_hidden_state[0].numpy()
            skip = edge * self.rate if begin else 0
            first = begin * self.rate + skip
            part = states[skip : skip + total - first]
            out[first : first + len(part)] = part
        return out


def speech_features(extractor: Extractor, weights: Path | None) -> SpeechFeatures:
    """The extractor of a configuration.

    Raises:
        UsageError: whisper without `weights`.
        DependencyError: its package or its weights are missing.
    """
    if extractor == "log-mel":
        return LogMel()
    if weights is None:
        raise UsageError("voice.features is whisper: give the folder of a Whisper model as voice.weights")
    return WhisperEncoder(weights)


def normalised(features: NDArray[np.float32], speaking: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Features (F, D) with the mean and spread that they have in this recording while its speaker speaks (F,) taken
    out: another voice, microphone or level then looks alike. Without speech they are taken from all of it.
    """
    spoken = features[speaking] if speaking.any() else features
    spread = spoken.std(0)
    usual = float(np.median(spread)) or 1.0
    result: NDArray[np.float32] = (features - spoken.mean(0)) / np.maximum(spread, 0.1 * usual)
    return result
