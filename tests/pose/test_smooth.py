from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vidgan.pose.smooth import SmoothConfig, fitted, one_euro, smooth


def published_one_euro(samples, times, min_cutoff, beta, d_cutoff):
    """Casiez et al. 2012, algorithm 1, one scalar at a time, written as in the paper's appendix."""

    def alpha(cutoff, te):
        tau = 1.0 / (2 * math.pi * cutoff)
        return 1.0 / (1.0 + tau / te)

    out, previous, derivative = [samples[0]], samples[0], 0.0
    for i in range(1, len(samples)):
        te = times[i] - times[i - 1]
        slope = (samples[i] - previous) / te
        derivative = alpha(d_cutoff, te) * slope + (1 - alpha(d_cutoff, te)) * derivative
        a = alpha(min_cutoff + beta * abs(derivative), te)
        previous = a * samples[i] + (1 - a) * previous
        out.append(previous)
    return out


@given(arrays(float, 12, elements=st.floats(-5, 5)), st.floats(0.1, 10), st.floats(0, 50))
def test_one_euro_is_the_published_filter(samples, min_cutoff, beta):
    times = np.cumsum([0.04, 0.04, 0.1, 0.02, 0.04, 0.3, 0.01, 0.04, 0.04, 0.04, 0.2, 0.04])
    ours = one_euro(np.stack([samples, 2 * samples], axis=1), times, min_cutoff, beta, 1.0)
    np.testing.assert_allclose(ours[:, 0], published_one_euro(samples, times, min_cutoff, beta, 1.0), atol=1e-9)
    np.testing.assert_allclose(ours[:, 1], published_one_euro(2 * samples, times, min_cutoff, beta, 1.0), atol=1e-9)


def test_one_euro_reference_values():
    # computed by hand: alpha(1 Hz, 0.1 s) = 0.385870 with the speed's cutoff at 1 Hz and beta 0
    out = one_euro(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.1, 0.2]), 1.0, 0.0)
    np.testing.assert_allclose(out, [0.0, 0.385870, 0.622844], atol=1e-6)


def test_smoothing_has_no_lag():
    times = np.arange(200) / 25
    wave = np.sin(2 * np.pi * 0.7 * times)
    out = smooth(wave, times, SmoothConfig(min_cutoff=1.0, beta=0.0))
    shifts = range(-3, 4)
    match = [np.corrcoef(np.roll(out, s)[20:-20], wave[20:-20])[0, 1] for s in shifts]
    assert list(shifts)[int(np.argmax(match))] == 0
    assert abs(match[2] - match[4]) < 1e-3


def test_smoothing_takes_jitter_away_and_leaves_a_fast_dance():
    rng = np.random.default_rng(0)
    times = np.arange(250) / 25
    fast = 0.2 * np.sin(2 * np.pi * 2.0 * times)  # a hand at 2.5 heights/s
    noise = rng.normal(0, 0.003, (2, 250))
    config = SmoothConfig()
    still = smooth(noise[0], times, config)
    assert still.std() < 0.65 * noise[0].std()
    assert np.abs(smooth(fast + noise[1], times, config) - fast).mean() < 0.01


def test_of_trembling_at_rest_an_eighth_is_left():
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.003, (33, 250))
    still = smooth(noise.T, np.arange(250) / 25, SmoothConfig())
    step, before = np.abs(np.diff(still, axis=0)).mean(), np.abs(np.diff(noise)).mean()
    assert step < 0.125 * before


def test_trembling_of_a_thousandth_does_not_open_the_filter():
    noise = np.random.default_rng(0).normal(0, 0.001, (250, 33))
    left = [
        np.abs(np.diff(smooth(noise, np.arange(250) / 25, SmoothConfig(**changes)), axis=0)).mean()
        for changes in ({}, {"slow": 0})
    ]
    assert left[0] < 0.015 * np.abs(np.diff(noise, axis=0)).mean() < left[1]


def test_uneven_times_are_taken_as_they_are():
    times = np.cumsum(np.tile([0.02, 0.06], 50))
    line = 0.3 * times
    np.testing.assert_allclose(smooth(line, times, SmoothConfig())[10:-10], line[10:-10], atol=2e-3)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_short_tracks(count):
    values = np.ones((count, 33, 2))
    np.testing.assert_array_equal(smooth(values, np.arange(count) / 25, SmoothConfig()), values)


def test_a_fit_leaves_parabolas_alone_at_any_times():
    times = np.cumsum(np.random.default_rng(0).uniform(0.01, 0.1, 60))
    curve = np.stack([3 - 2 * times + 0.7 * times**2, 5 * times], -1)
    np.testing.assert_allclose(fitted(curve, times, 0.01), curve, atol=1e-8)


def test_a_fit_takes_the_noise_of_even_motion_away_and_keeps_a_jump():
    rng = np.random.default_rng(1)
    times = np.arange(300) / 25
    even = 0.3 * np.sin(2 * np.pi * 0.3 * times)
    noisy = even + rng.normal(0, 0.001, 300)
    assert np.std(fitted(noisy, times, 0.001) - even) < 0.6 * np.std(noisy - even)
    jump = np.where(times < 6, 0.0, 0.5)
    assert np.abs(fitted(jump + rng.normal(0, 0.001, 300), times, 0.001) - jump).max() < 0.006


def test_a_fit_is_that_of_savitzky_and_golay():
    """Their quadratic smoothing weights over five samples: (-3, 12, 17, 12, -3) / 35."""
    values = np.random.default_rng(2).normal(0, 1, 5)
    assert fitted(values, np.arange(5.0), 100.0)[2] == pytest.approx(values @ np.array([-3, 12, 17, 12, -3]) / 35)


def test_noise_of_zero_is_the_one_euro_filter_alone_over_itself_in_both_orders():
    values, times = np.random.default_rng(3).normal(0, 1, (30, 2)), np.arange(30) / 25
    config = SmoothConfig(noise=0)
    parameters = (config.min_cutoff, config.beta, config.speed_cutoff, config.slow)

    def there(samples):
        return one_euro(samples, times, *parameters)

    def back(samples):
        return one_euro(samples[::-1], -times[::-1], *parameters)[::-1]

    expected = (back(there(values)) + there(back(values))) / 2
    np.testing.assert_allclose(smooth(values, times, config), expected, rtol=0, atol=1e-12)


def test_time_has_no_direction():
    values, times = np.random.default_rng(4).normal(0, 0.01, (40, 2)), np.cumsum(np.tile([0.02, 0.06], 20))
    turned = smooth(values[::-1], -times[::-1], SmoothConfig())[::-1]
    np.testing.assert_allclose(turned, smooth(values, times, SmoothConfig()), rtol=0, atol=1e-12)


def test_below_the_slow_speed_the_cutoff_opens_with_its_square():
    """A step of 0.004 in 0.1 s, whose speed of 0.04 is not smoothed: 0.3 + 60 * 0.04 * 0.04 / 0.05 = 2.22 Hz, and an
    alpha of 1 / (1 + 1 / (2 pi 2.22 0.1)) = 0.58242; without `slow` 2.7 Hz and 0.62914.
    """
    step, times = np.array([0.0, 0.004]), np.array([0.0, 0.1])
    assert one_euro(step, times, 0.3, 60.0, 1e9, slow=0.05)[1] / 0.004 == pytest.approx(0.58242, abs=1e-4)
    assert one_euro(step, times, 0.3, 60.0, 1e9)[1] / 0.004 == pytest.approx(0.62914, abs=1e-4)
    assert one_euro(2 * step, times, 0.3, 60.0, 1e9, slow=0.05)[1] == one_euro(2 * step, times, 0.3, 60.0, 1e9)[1]
