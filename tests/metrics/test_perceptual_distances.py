from __future__ import annotations

import numpy as np
import pytest
import torch

from vidgan.metrics.perceptual import perceptual_distances


def test_values_do_not_depend_on_the_batch(perceptual_loss, smooth_frames):
    others = smooth_frames[3:] + smooth_frames[:3]
    one, three, eight = (perceptual_distances(smooth_frames, others, perceptual_loss, n) for n in (1, 3, 8))
    np.testing.assert_allclose(one, three, rtol=1e-3)
    np.testing.assert_allclose(one, eight, rtol=1e-3)


def test_frames_at_working_size_read_the_loss_distance(perceptual_loss):
    frames = np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3)).astype(np.uint8)
    ours, theirs = (torch.from_numpy(frame / 127.5 - 1).float().permute(2, 0, 1)[None] for frame in frames)
    expected = perceptual_loss.distance(ours, theirs).item()
    assert perceptual_distances(frames[:1], frames[1:], perceptual_loss) == [pytest.approx(expected, rel=1e-4)]


def test_pairs_of_different_shapes_keep_their_order(perceptual_loss, smooth_frames):
    frames = [smooth_frames[0], smooth_frames[1][:30], smooth_frames[2]]
    truths = [smooth_frames[0], smooth_frames[4][:30], smooth_frames[2]]
    equal, different, again = perceptual_distances(frames, truths, perceptual_loss)
    assert equal == again == 0
    assert different > 0.1
