import numpy as np
import pytest

from vidgan.audio.activity import ActivityConfig, loudness, stretches, voice_activity
from vidgan.audio.mel import log_mel
from vidgan.audio.sound import RATE


def speech_like(spans, seconds, noise=0.001, level=0.2, seed=0):
    """Noise with a buzzing voice, harmonics of 140 Hz trembling at 5 Hz, in the spans (from, to) in seconds."""
    t = np.arange(int(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(2 * np.pi * 5 * t))
    inside = np.zeros(len(t))
    for first, last in spans:
        inside[(t >= first) & (t < last)] = 1
    return (noise * np.random.default_rng(seed).normal(size=len(t)) + level * buzz * inside).astype(np.float32)


@pytest.mark.parametrize(("noise", "level"), [(0.0, 0.2), (0.001, 0.02), (0.01, 0.3)])
def test_voice_is_found_at_any_level_over_any_quiet(noise, level):
    spans = [(0.5, 1.4), (2.0, 2.8)]
    voice = voice_activity(log_mel(speech_like(spans, 4, noise, level)))
    found = stretches(voice)
    assert len(found) == 2
    for (first, last), (begin, end) in zip(found, spans, strict=True):
        assert first / 100 == pytest.approx(begin, abs=0.05)
        assert last / 100 == pytest.approx(end, abs=0.05)


def test_short_pauses_are_bridged_and_clicks_are_no_voice():
    sound = speech_like([(0.5, 1.0), (1.06, 1.5)], 3)
    sound[int(2.2 * RATE) : int(2.2 * RATE) + 80] += 0.5
    assert len(stretches(voice_activity(log_mel(sound)))) == 1
    apart = ActivityConfig(gap=0.0, burst=0.0)
    assert len(stretches(voice_activity(log_mel(sound), apart))) == 3


def test_silence_and_hiss_have_no_voice_and_speech_without_a_pause_is_all_voice():
    assert not voice_activity(log_mel(np.zeros(RATE, np.float32))).any()
    hiss = np.random.default_rng(0).normal(0, 2e-4, 2 * RATE).astype(np.float32)
    assert not voice_activity(log_mel(hiss)).any()
    assert voice_activity(log_mel(speech_like([(0, 2)], 2))).mean() > 0.95
    assert voice_activity(np.zeros((0, 40), np.float32)).shape == (0,)


def test_loudness_counts_decibels():
    tone = np.sin(2 * np.pi * 800 * np.arange(RATE) / RATE).astype(np.float32)
    difference = loudness(log_mel(tone))[50] - loudness(log_mel(tone / 10))[50]
    assert difference == pytest.approx(20, abs=0.05)
