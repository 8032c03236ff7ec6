import numpy as np
import pytest

from vidgan.audio.ambience import bed_of, without_voice

RATE = 8000


def film_sound(seconds=4, spans=((1.0, 2.0), (2.6, 3.2))):
    """A hum of 60 Hz all along, a loud tone of 700 Hz where somebody speaks."""
    t = np.arange(seconds * RATE) / RATE
    hum = 0.05 * np.sin(2 * np.pi * 60 * t)
    voice = np.zeros(seconds * 100, bool)
    tone = np.zeros(len(t))
    for first, last in spans:
        voice[round(first * 100) : round(last * 100)] = True
        inside = (t >= first) & (t < last)
        tone[inside] = 0.4 * np.sin(2 * np.pi * 700 * t[inside])
    return (hum + tone).astype(np.float32), hum.astype(np.float32), voice


def power_at(samples, hz):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    middle = round(hz * len(samples) / RATE)
    return spectrum[middle - 3 : middle + 4].sum()


def test_voice_is_covered_and_the_pauses_are_the_films_own():
    sound, hum, voice = film_sound()
    result = without_voice(sound, voice, RATE)
    assert power_at(result, 700) < 1e-4 * power_at(sound, 700)
    quiet = slice(round(0.2 * RATE), round(0.8 * RATE))
    assert result[quiet] == pytest.approx(hum[quiet], abs=1e-4)
    spoken = result[round(1.2 * RATE) : round(1.8 * RATE)]
    assert 0.5 < spoken.std() / hum.std() < 1.6


def test_bed_is_as_long_as_asked_and_without_holes():
    sound, hum, voice = film_sound()
    bed = bed_of(sound, voice, RATE, 10 * RATE)
    assert len(bed) == 10 * RATE
    level = np.sqrt((bed.reshape(-1, RATE // 5) ** 2).mean(1))
    assert level.min() > 0.5 * hum.std()
    assert level.max() < 1.6 * hum.std()


def test_speech_without_a_pause_leaves_nothing_to_cover_it_with():
    sound, _, voice = film_sound()
    assert without_voice(sound, np.ones_like(voice), RATE) is None
