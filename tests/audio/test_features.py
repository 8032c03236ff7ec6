import numpy as np
import pytest

from vidgan.audio.features import LogMel, normalised, speech_features
from vidgan.audio.sound import RATE, Sound
from vidgan.errors import DependencyError, UsageError


def test_log_mel_is_the_default_and_says_its_rate():
    features = speech_features("log-mel", None)
    assert isinstance(features, LogMel)
    made = features(Sound(np.zeros(2 * RATE, np.float32)))
    assert made.shape == (2 * features.rate + 1, features.size)


def test_whisper_says_in_one_line_what_is_missing(tmp_path):
    with pytest.raises(UsageError, match="give the folder of a Whisper model as voice.weights"):
        speech_features("whisper", None)
    with pytest.raises(DependencyError, match="transformers") as failed:
        speech_features("whisper", tmp_path)
    assert "\n" not in str(failed.value)


def test_level_and_colour_of_a_recording_are_taken_out():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)).astype(np.float32)
    speaking = np.arange(300) > 100
    coloured = features * [1, 2, 3, 1, 2, 3] + [5, 0, -5, 1, 2, 3]  # another microphone, farther away
    assert normalised(coloured, speaking) == pytest.approx(normalised(features, speaking), abs=1e-4)
    spoken = normalised(features, speaking)[speaking]
    assert spoken.mean(0) == pytest.approx(np.zeros(6), abs=1e-5)
    assert spoken.std(0) == pytest.approx(np.ones(6), abs=1e-4)


def test_band_that_never_moves_is_not_blown_up():
    features = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    features[:, 2] = -18 + 1e-4 * features[:, 2]
    assert np.abs(normalised(features, np.ones(100, bool))[:, 2]).max() < 0.1
