from __future__ import annotations

import numpy as np
import pytest

from vidgan.trust.label import LABEL, draw_label


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_label_is_seen_on_any_ground_and_leaves_the_rest(level):
    rgb = np.full((360, 640, 3), level, np.uint8)
    shown = draw_label(rgb, LABEL)
    changed = np.argwhere((shown != rgb).any(2))
    assert (changed.min(0) >= 5).all()
    assert (changed.max(0) <= (40, 200)).all()
    assert np.ptp(shown[:40, :200].astype(int)) > 100  # ink against its ground
    assert (rgb == level).all()


def test_longer_and_shorter_texts_and_small_frames():
    wide = [
        np.argwhere(draw_label(np.zeros((360, 640, 3), np.uint8), text).any(2))[:, 1].max()
        for text in ("AI", "KI erzeugt")
    ]
    assert wide[0] < wide[1]
    assert draw_label(np.zeros((24, 16, 3), np.uint8), LABEL).shape == (24, 16, 3)
