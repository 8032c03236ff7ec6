from __future__ import annotations

import numpy as np
import pytest

from vidgan.subject.poisson import gradients, solve


def least_squares(values, unknown, across, down):
    """The same by a dense solver."""
    height, width = unknown.shape
    number = np.full(unknown.shape, -1)
    number[unknown] = np.arange(unknown.sum())
    rows, wanted = [], []
    for picture, (dy, dx) in ((across, (0, 1)), (down, (1, 0))):
        for y, x in np.ndindex(height - dy, width - dx):
            row, value = np.zeros(int(unknown.sum())), float(picture[y, x, 0])
            for (v, u), sign in (((y + dy, x + dx), 1), ((y, x), -1)):
                if unknown[v, u]:
                    row[number[v, u]] += sign
                else:
                    value -= sign * values[v, u, 0]
            rows.append(row)
            wanted.append(value)
    out = values[..., 0].astype(float).copy()
    out[unknown] = np.linalg.lstsq(np.array(rows), np.array(wanted), rcond=None)[0]
    return out


@pytest.mark.parametrize("shape", [(20, 26), (17, 33), (6, 7)])
def test_the_picture_is_the_nearest_in_its_gradients(shape):
    rng = np.random.default_rng(1)
    values = rng.uniform(0, 255, (*shape, 1)).astype(np.float32)
    unknown = np.zeros(shape, bool)
    unknown[shape[0] // 4 :, 2:-2] = True  # down to the lower border
    across, down = (rng.normal(0, 20, (*shape, 1)).astype(np.float32) for _ in range(2))
    found = solve(values, unknown, across, down)[..., 0]
    np.testing.assert_array_equal(found[~unknown], values[..., 0][~unknown])
    np.testing.assert_allclose(found, least_squares(values, unknown, across, down), atol=3)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_follows_from_its_rim_and_its_gradients(channels):
    y, x = np.mgrid[0:90, 0:70].astype(np.float32)
    picture = np.stack([120 + 80 * np.sin(x / 9 + c) * np.cos(y / 13) for c in range(channels)], -1)
    unknown = np.zeros((90, 70), bool)
    unknown[10:80, 8:60] = True
    found = solve(np.where(unknown[..., None], 0, picture).astype(np.float32), unknown, *gradients(picture))
    assert np.abs(found - picture).max() < 2


def test_where_all_is_known_nothing_changes():
    picture = np.random.default_rng(0).uniform(0, 255, (12, 9, 3)).astype(np.float32)
    zero = np.zeros_like(picture)
    np.testing.assert_array_equal(solve(picture, np.zeros((12, 9), bool), zero, zero), picture)
