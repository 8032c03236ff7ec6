import numpy as np
import pytest

from vidgan.metrics.lip_sync import MOST, best_lag, correlation
from vidgan.metrics.mouth_judge import ENOUGH, MouthJudge, moved


def walk(count=300, columns=4, seed=0):
    """Smooth random curves (T, C)."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(9) / np.hanning(9).sum()
    return np.stack([np.convolve(column, kernel, "same") for column in rng.normal(size=(columns, count))], 1)


def test_correlation_has_its_reference_value():
    a, b = np.array([1.0, 2, 3, 4]), np.array([2.0, 1, 4, 3])
    assert correlation(a, b) == pytest.approx(0.6)
    assert correlation(a, np.ones(4)) is None
    assert correlation(a[:2], b[:2]) is None
    assert correlation(a, 0.001 * b) == pytest.approx(0.6)
    assert correlation(a, 0.001 * b, still=0.01) is None
    assert correlation(0.001 * a, b, still=0.01) == pytest.approx(0.6)


@pytest.mark.parametrize("late", [-3, 0, 2, 5])
def test_lag_is_found(late):
    truth = walk()[:, 0]
    made = np.roll(truth, late)
    assert best_lag(made[10:-10], truth[10:-10]) == late
    assert best_lag(np.ones(50), truth[:50]) is None


def test_judge_hears_the_right_speech_and_its_lag():
    rng = np.random.default_rng(1)
    speech, other = walk(500, 3, 1), walk(400, 3, 2)
    says = rng.normal(size=(3, 12))  # what the ear gets of three articulators
    shows = rng.normal(size=(3, 5))  # and the eye
    noise = 0.05 * rng.normal(size=(500, 5))
    expert = MouthJudge.of(speech @ shows + noise, speech @ says)
    assert expert.real > 0.8
    verdict = expert.judge(other @ shows, other @ says, moved(other @ says))
    assert verdict.correlation > 0.8
    assert verdict.lag == 0
    assert len(verdict.wrong) == 10
    assert verdict.margin == pytest.approx(verdict.correlation - max(verdict.wrong))
    assert verdict.margin > 0.3
    late = expert.judge(np.roll(other, 2, axis=0) @ shows, other @ says, moved(other @ says))
    assert late.lag == 2


@pytest.mark.parametrize("count", [ENOUGH, 123, 400])
def test_wrong_speeches_lie_beyond_every_lag(count):
    starts = [int(wrong[0, 0]) for wrong in moved(np.arange(count)[:, None])]
    assert len(set(starts)) == 10
    assert min(min(start, count - start) for start in starts) > MOST


def test_too_short_a_speech_is_not_judged_by_itself():
    with pytest.raises(ValueError, match="76 frames of speech, 77 are needed"):
        list(moved(walk(ENOUGH - 1)))


def test_judge_of_a_mouth_that_says_nothing_gives_no_credit():
    rng = np.random.default_rng(0)
    expert = MouthJudge.of(rng.normal(size=(300, 4)), walk(300, 10, 3))
    assert expert.real < 0.35
    still = expert.judge(np.zeros((100, 4)), walk(100, 10, 4), moved(walk(100, 10, 4)))
    assert still.correlation == 0
