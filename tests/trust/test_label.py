from __future__ import annotations

import numpy as np
import pytest

from vidgan.config import Layer, check_layer
from vidgan.errors import ConfigError
from vidgan.stages.encode import EncodeConfig
from vidgan.trust.label import LABEL, draw_label, unwritable


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


def test_characters_that_would_be_boxes_are_told():
    assert unwritable("KI erzeugt (2026): a-b, c/d!") == ""
    assert unwritable("Künstlich erzeugt · Généré · Wygenerowane, żółć · Δημιουργία · Създадено") == ""
    assert unwritable("AI 生成 生") == "生成"
    assert unwritable("AI\nmade") == "\n"


def test_an_accent_is_drawn():
    shown = [draw_label(np.zeros((360, 640, 3), np.uint8), text).astype(int) for text in ("AI uber", "AI über")]
    assert np.abs(shown[0] - shown[1]).max() > 100


def test_a_label_that_cannot_be_drawn_is_refused_before_any_work():
    with pytest.raises(ConfigError, match=r"encode.label 'AI 生成' cannot be drawn: no 生 成"):
        check_layer(EncodeConfig, Layer({"label": "AI 生成"}))
    with pytest.raises(ConfigError, match="cannot be drawn: no נ"):
        check_layer(EncodeConfig, Layer({"label": "AI נ"}))
    assert check_layer(EncodeConfig, Layer({"label": "KI erzeugt"})).shown_label == "KI erzeugt"
