import numpy as np
import pytest

from vidgan.audio.mel import BANDS, FLOOR, HOP, PRE_EMPHASIS, WINDOW, filterbank, hz_to_mel, log_mel, mel_to_hz
from vidgan.audio.sound import RATE


def test_mel_scale_has_its_reference_values():
    # 1000 Hz is 1000 mel by the scale's construction; 700 Hz is 2595 log10(2).
    assert hz_to_mel(1000.0) == pytest.approx(999.99, abs=0.02)
    assert hz_to_mel(700.0) == pytest.approx(781.17, abs=0.01)
    assert mel_to_hz(hz_to_mel(4321.0)) == pytest.approx(4321.0)


def test_filters_are_triangles_of_equal_area_with_their_peak_at_the_centre():
    bank = filterbank()
    assert bank.shape == (BANDS, 257)
    spacing = RATE / 512
    wide = bank[20:]  # narrow ones fall between the spectrum's points
    assert wide.sum(1) * spacing == pytest.approx(np.ones(len(wide)), rel=0.05)
    centres = mel_to_hz(np.linspace(hz_to_mel(60), hz_to_mel(7600), BANDS + 2))[1:-1]
    assert np.abs(bank.argmax(1) * spacing - centres).max() <= spacing


def test_spectrum_of_a_frame_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 0.1, 4000).astype(np.float32)
    k = 11
    n = np.arange(k * HOP - WINDOW // 2, k * HOP + WINDOW // 2)
    emphasised = samples[n] - PRE_EMPHASIS * samples[n - 1]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    points = np.arange(257)[:, None] * np.arange(WINDOW)[None] / 512
    power = np.abs((emphasised * window * np.exp(-2j * np.pi * points)).sum(1)) ** 2
    expected = np.log(filterbank() @ power + FLOOR)
    assert log_mel(samples)[k] == pytest.approx(expected, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_tone_is_loudest_in_its_band_and_ten_times_the_amplitude_is_20_db(hz):
    tone = np.sin(2 * np.pi * hz * np.arange(RATE) / RATE).astype(np.float32)
    centres = mel_to_hz(np.linspace(hz_to_mel(60), hz_to_mel(7600), BANDS + 2))[1:-1]
    quiet, loud = log_mel(0.05 * tone)[50], log_mel(0.5 * tone)[50]
    assert loud.argmax() == np.abs(centres - hz).argmin()
    assert (loud - quiet)[loud.argmax()] == pytest.approx(np.log(100), abs=0.01)


def test_frames_come_every_10_ms_and_short_sounds_have_one():
    assert log_mel(np.zeros(RATE, np.float32)).shape == (101, BANDS)
    assert log_mel(np.zeros(10, np.float32)).shape == (1, BANDS)
    assert log_mel(np.zeros(0, np.float32)).shape == (0, BANDS)
    click = np.zeros(RATE, np.float32)
    click[8000] = 1
    assert log_mel(click).mean(1).argmax() == 50


def test_length_of_the_recording_does_not_change_a_frame():
    rng = np.random.default_rng(1)
    long = rng.normal(0, 0.1, 45 * RATE).astype(np.float32)  # more frames than are computed at once
    assert log_mel(long)[100:200] == pytest.approx(log_mel(long[: 3 * RATE])[100:200], abs=1e-5)
