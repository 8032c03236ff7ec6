from fractions import Fraction

import numpy as np
import pytest

from vidgan.audio.fit import film_length, fit, stretch_of

BASE = Fraction(1, 600)
EVEN = 100 + 24 * np.arange(10)  # 25 frames/s, 0.4 s, starting late
UNEVEN = 100 + np.array([0, 20, 60, 70, 130, 150, 200])  # variable rate
FILM = {"even": EVEN, "uneven": UNEVEN}


def test_film_is_as_long_as_its_last_frame_is_shown():
    assert film_length(EVEN, BASE) == Fraction(2, 5)
    assert film_length(UNEVEN, BASE) == Fraction(250, 600)
    assert film_length(EVEN[:1], BASE) == Fraction(1, 25)


@pytest.mark.parametrize("pts", FILM.values(), ids=FILM)
@pytest.mark.parametrize("speech", [Fraction(1, 5), Fraction(3)])
def test_film_stays_as_it_is(pts, speech):
    line = fit(pts, BASE, speech, "film")
    assert line.frames.tolist() == list(range(len(pts)))
    assert line.pts.tolist() == pts.tolist()


def test_trim_ends_with_the_shorter():
    assert len(fit(EVEN, BASE, Fraction(1, 5), "trim")) == 5
    assert len(fit(EVEN, BASE, Fraction(1, 5) + Fraction(1, 10_000), "trim")) == 6  # begun, so shown
    assert len(fit(EVEN, BASE, Fraction(3), "trim")) == 10
    assert len(fit(EVEN, BASE, Fraction(1, 1000), "trim")) == 1


@pytest.mark.parametrize("pts", FILM.values(), ids=FILM)
def test_loop_runs_there_and_back_without_a_jump(pts):
    line = fit(pts, BASE, Fraction(3), "loop")
    assert set(np.abs(np.diff(line.frames))) == {1}
    assert line.pts[0] == pts[0]
    shown = np.diff(line.pts)
    expected = [abs(int(pts[a]) - int(pts[b])) for a, b in zip(line.frames, line.frames[1:], strict=False)]
    assert shown.tolist() == expected
    assert line.seconds[-1] < 3
    assert line.seconds[-1] + shown.max() * float(BASE) >= 3


def test_loop_of_a_longer_film_is_cut_at_the_speech():
    assert fit(EVEN, BASE, Fraction(1, 5), "loop").frames.tolist() == list(range(5))


@pytest.mark.parametrize("pts", FILM.values(), ids=FILM)
@pytest.mark.parametrize("speech", [Fraction(1, 3), Fraction(7, 9), Fraction(2, 3)])
def test_speech_sets_the_pace_to_the_tick(pts, speech):
    line = fit(pts, BASE, speech, "speech")
    factor = stretch_of(pts, BASE, speech)
    exact = [(pts[0] + Fraction(int(value - pts[0])) * factor) * BASE for value in pts]
    times = [value * line.time_base for value in line.pts.tolist()]
    assert all(abs(got - wanted) <= line.time_base / 2 for got, wanted in zip(times, exact, strict=True))
    assert line.frames.tolist() == list(range(len(pts)))


@pytest.mark.parametrize("rate", [10, 25, 60])
@pytest.mark.parametrize("speech", [Fraction(2), Fraction(5), Fraction(3013, 1000)])
def test_pace_is_kept_on_a_clock_as_coarse_as_the_frames(rate, speech):
    line = fit(np.arange(4 * rate), Fraction(1, rate), speech, "speech")
    assert len(line) == 4 * rate
    assert abs(film_length(line.pts, line.time_base) - speech) < Fraction(1, 1000)
    assert np.diff(line.seconds) == pytest.approx(float(speech) / (4 * rate), abs=2e-4)


def test_pace_too_fast_for_the_clock_still_rises():
    line = fit(EVEN, Fraction(1, 25), Fraction(1, 5000), "speech")
    assert (np.diff(line.pts) >= 1).all()


def test_long_films_lose_no_tick():
    pts = 1001 * np.arange(1_000_000)  # nine hours at 29.97 frames/s
    line = fit(pts, Fraction(1, 30000), film_length(pts, Fraction(1, 30000)) * 3, "speech")
    assert line.pts[-1] == 3 * pts[-1]
