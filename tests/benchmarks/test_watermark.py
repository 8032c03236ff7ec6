"""What experts do to a watermark, in small."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import watermark
from tests.trust.made import textured, write
from vidgan.trust import detect
from vidgan.trust.mark import number_of
from vidgan.trust.watermark import SMALL_NOISE_DB


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    return tuple(write(folder / f"{seed}.mp4", textured(seconds=2, seed=seed)) for seed in range(1))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("removal: by the public key, of a secret's mark", 1),
        ("forgery: by the public key", 1),
        ("forgery: by the public key, where a secret is searched", 0),
    ],
)
def test_the_public_key_makes_experts_and_a_secret_does_not(clips, tmp_path, monkeypatch, name, found):
    monkeypatch.setattr(detect, "_SCALES", np.array([1.0]))
    expert = next(expert for expert in watermark.EXPERTS if expert.name == name)
    row = watermark._by_expert(expert, clips, [number_of(clip.name) for clip in clips], 2, tmp_path / "a.mp4")
    assert row["found (p < 1e-6)"] == f"{found} of 1"
    assert row["PSNR, dB"] > SMALL_NOISE_DB


@pytest.mark.parametrize("change", [watermark.median, watermark.denoised, watermark.turned])
def test_filters_keep_size_and_flat_colour(change):
    flat = np.full((60, 90, 3), (10, 100, 200), np.uint8)
    np.testing.assert_allclose(change(flat).astype(int), flat, atol=1)
