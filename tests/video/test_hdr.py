from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.video.hdr import LUT_FORMAT, ToneMapper, compress, hlg_to_nits, nits_to_pq, pq_to_nits, to_bt709
from vidgan.video.read import ClipReader


def test_pq_reference_values():
    # ITU-R BT.2408-7, table 1: HDR reference white and others, as PQ signal levels.
    assert nits_to_pq(np.array([0.0, 100.0, 203.0, 1000.0, 10000.0])) == pytest.approx(
        [0.0, 0.508, 0.581, 0.752, 1.0], abs=1e-3
    )


@given(st.floats(0, 1))
def test_pq_inverts(signal):
    assert nits_to_pq(pq_to_nits(np.array(signal))) == pytest.approx(signal, abs=1e-6)


def test_hlg_reference_values():
    # ITU-R BT.2408-7: 75 % HLG is reference white, 203 cd/m2, on a 1000-nit display; 100 % is its peak.
    grey = np.array([[0.0] * 3, [0.75] * 3, [1.0] * 3])
    assert hlg_to_nits(grey)[:, 0] == pytest.approx([0, 203, 1000], rel=2e-3, abs=1e-6)


@given(st.lists(st.floats(0, 10000), min_size=2, max_size=20))
def test_compression_keeps_order_and_bound(nits):
    out = compress(np.sort(np.array(nits)))
    assert (np.diff(out) >= -1e-3).all()
    assert out.max() <= 203.1
    dark = np.array(nits)[np.array(nits) < 90]
    assert compress(dark) == pytest.approx(dark, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("transfer", ["pq", "hlg", "sdr"])
def test_greys_stay_grey(transfer):
    greys = np.linspace(0, 1, 20)[:, None].repeat(3, axis=1)
    out = to_bt709(greys, transfer)
    assert np.abs(out - out.mean(axis=1, keepdims=True)).max() < 2e-3
    assert (np.diff(out[:, 1]) > -1e-6).all()


def test_sdr_white_and_primaries():
    out = to_bt709(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), "sdr")
    assert out == pytest.approx(np.array([[1, 1, 1], [1, 0, 0]]), abs=1e-3)


@pytest.mark.parametrize("transfer", ["pq", "hlg", "sdr"])
def test_table_follows_the_formula(transfer):
    signal = np.random.default_rng(0).integers(0, 1024, (32, 64, 3)).astype(np.uint16)
    frame = ToneMapper(64, 32, transfer)(av.VideoFrame.from_ndarray(signal, format=LUT_FORMAT))
    expected = to_bt709(signal / 1023, transfer)
    difference = np.abs(frame.to_ndarray() / 1023 - expected) * 255
    assert difference.mean() < 0.8  # random colours are mostly outside BT.709, where the formula has its corners


def test_hdr_clip_is_tone_mapped(hdr_clip):
    with ClipReader(hdr_clip) as clip:
        row = next(iter(clip)).rgb[32].astype(int)
    assert any("tone-mapped from PQ" in note for note in clip.notes)
    signal = np.linspace(0, 255, 128).astype(np.uint8) / 255
    expected = to_bt709(signal[:, None].repeat(3, 1), "pq") * 255
    assert np.abs(row - expected)[2:-2].max() <= 5
