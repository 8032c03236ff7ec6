import numpy as np
import pytest

from vidgan.nets.ridge import best_strength, folds, ridge, unseen


def data(count=60, inputs=5, noise=0.0):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, inputs))
    y = x @ rng.normal(size=(inputs, 2)) + 3 + noise * rng.normal(size=(count, 2))
    return x, y


def test_solution_is_that_of_the_normal_equations():
    x, y = data(noise=0.3)
    matrix, offset = ridge(x, y, 0.7)
    a, b = x - x.mean(0), y - y.mean(0)
    weight = 0.7 * (a**2).sum() / len(a)
    expected = np.linalg.solve(a.T @ a + weight * np.eye(5), a.T @ b)
    assert matrix == pytest.approx(expected)
    assert offset == pytest.approx(y.mean(0) - x.mean(0) @ expected)


@pytest.mark.parametrize("count", [20, 40, 41, 200])
def test_either_way_of_solving_gives_the_same(count):
    x, y = data(count, inputs=40, noise=0.3)
    asked = ridge(x, y, 0.3)
    a, b = x - x.mean(0), y - y.mean(0)
    weight = 0.3 * (a**2).sum() / count
    by_examples = a.T @ np.linalg.solve(a @ a.T + weight * np.eye(count), b)
    by_inputs = np.linalg.solve(a.T @ a + weight * np.eye(40), a.T @ b)
    assert asked[0] == pytest.approx(by_inputs, abs=1e-6)
    assert asked[0] == pytest.approx(by_examples, abs=1e-6)


def test_many_examples_take_no_square_of_memory():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200_000, 3))  # whose matrix of products of examples would be 320 GB
    matrix, _ = ridge(x, x[:, :1] - 2 * x[:, 2:], 1e-6)
    assert matrix[:, 0] == pytest.approx([1, 0, -2], abs=1e-3)


def test_strength_does_not_depend_on_the_inputs_units():
    x, y = data(noise=0.3)
    small, large = ridge(x, y, 0.5), ridge(1000 * x, y, 0.5)
    assert x @ small[0] + small[1] == pytest.approx(1000 * x @ large[0] + large[1])


def test_folds_keep_their_distance_and_hold_everything_once():
    seen = []
    for rest, part in folds(50, 5, 4):
        assert np.abs(rest[:, None] - part[None]).min() > 4
        seen += part.tolist()
    assert seen == list(range(50))
    assert all(len(rest) >= 2 for rest, _ in folds(5, 3, 20))


def test_unseen_outputs_do_not_know_their_own_example():
    x, y = data(noise=1.0)
    spoilt = y.copy()
    spoilt[30] += 100
    assert unseen(x, spoilt, 1.0, 3)[30] == pytest.approx(unseen(x, y, 1.0, 3)[30])


def test_noise_wants_more_strength():
    clean, noisy = data(), data(noise=8.0)
    assert best_strength(*clean, gap=0) < best_strength(*noisy, gap=0)
