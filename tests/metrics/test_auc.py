import numpy as np
import pytest

from vidgan.metrics.auc import auc


def by_pairs(high, low):
    """All pairs, counted one by one."""
    return np.mean([(a > b) + 0.5 * (a == b) for a in high for b in low])


def by_area(high, low):
    """The area under the curve, its points joined by lines, from every threshold."""
    cuts = [np.inf, *sorted({*high, *low}, reverse=True)]
    points = [(np.mean(np.array(low) >= cut), np.mean(np.array(high) >= cut)) for cut in cuts]
    x, y = np.array(points).T
    return np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2)


def test_it_is_the_share_of_pairs_and_the_area_ties_among_them():
    rng = np.random.default_rng(0)
    for _ in range(5):
        high, low = rng.integers(0, 8, 13) + 2.0, rng.integers(0, 8, 9) + 0.0
        assert auc(high, low) == pytest.approx(by_pairs(high, low))
        assert auc(high, low) == pytest.approx(by_area(high, low))


def test_the_ends():
    assert auc([2.0, 3.0], [0.0, 1.0]) == 1
    assert auc([0.0], [1.0, 2.0]) == 0
    assert auc([1.0, 1.0], [1.0]) == 0.5
    with pytest.raises(ValueError, match="both kinds"):
        auc([1.0], [])
