from __future__ import annotations

import numpy as np
import pytest

from vidgan.metrics.identity import HeadFeatures, head_box, own_similarity, similarity


def test_head_box_holds_the_head_and_not_the_hips(standing_track):
    box = head_box(standing_track.image[0], 100, 200)
    assert box is not None
    assert box.left < 46
    assert box.right > 54
    assert box.bottom < 60


def test_head_outside_the_frame_or_too_small_or_unknown_has_no_box(standing_track):
    landmarks = standing_track.image[0]
    assert head_box(landmarks + 500, 100, 200) is None
    assert head_box(landmarks / 20, 100, 200) is None
    assert head_box(landmarks * np.nan, 100, 200) is None


def test_features_are_unit_vectors_and_do_not_depend_on_the_batch(smooth_frames):
    features = HeadFeatures()
    vectors = features(smooth_frames, batch=8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors, features(smooth_frames, batch=3), atol=1e-4)


def test_similarity_is_the_mean_best_cosine():
    gallery = np.array([[1, 0], [0, 1]], np.float32)
    heads = np.array([[0.6, 0.8], [1, 0]], np.float32)
    assert similarity(heads, gallery) == pytest.approx(0.9)
    assert own_similarity(gallery) == 0


def test_nothing_to_compare_has_no_value():
    empty, one = np.empty((0, 2), np.float32), np.ones((1, 2), np.float32)
    assert similarity(empty, one) is None
    assert similarity(one, empty) is None
    assert own_similarity(one) is None
