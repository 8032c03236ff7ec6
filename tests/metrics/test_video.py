from __future__ import annotations

import numpy as np
import pytest

from vidgan.metrics.frames import Box
from vidgan.metrics.psnr import psnr
from vidgan.metrics.ssim import ssim
from vidgan.metrics.video import VideoScores, compare


def test_a_video_equals_itself(perceptual_loss, smooth_frames):
    scores = compare(smooth_frames, iter(smooth_frames), perceptual_loss)
    assert scores == {"perceptual": 0, "ssim": pytest.approx(1), "psnr": 100, "sharpness": 1, "flicker": 0}


def test_scores_are_means_over_frames_of_the_box(perceptual_loss, smooth_frames):
    others = smooth_frames[1:] + smooth_frames[:1]
    box = Box(4, 6, 40, 50)
    scores = compare(smooth_frames, others, perceptual_loss, boxes=[box] * 8)
    pairs = [(box.crop(a), box.crop(b)) for a, b in zip(smooth_frames, others, strict=True)]
    assert scores["psnr"] == pytest.approx(np.mean([psnr(a, b) for a, b in pairs]))
    assert scores["ssim"] == pytest.approx(np.mean([ssim(a, b) for a, b in pairs]))
    assert scores["perceptual"] > 0
    assert scores["flicker"] > 0


def test_the_batch_does_not_change_the_scores(perceptual_loss, smooth_frames):
    results = []
    for batch in (1, 3):
        scores = VideoScores(perceptual_loss, batch)
        for frame, truth in zip(smooth_frames, smooth_frames[::-1], strict=True):
            scores.update(frame, truth)
        results.append(scores.result())
    assert results[0] == pytest.approx(results[1], rel=1e-3)


def test_what_lies_outside_the_box_does_not_count(perceptual_loss, smooth_frames):
    spoiled = [frame.copy() for frame in smooth_frames]
    for index, frame in enumerate(spoiled):
        frame[:, 40:] = 20 * index
    scores = compare(spoiled, smooth_frames, perceptual_loss, boxes=[Box(0, 0, 40, 60)] * 8)
    assert (scores["perceptual"], scores["psnr"], scores["flicker"]) == (0, 100, 0)


def test_frames_without_a_person_are_left_out(perceptual_loss, smooth_frames):
    boxes = [Box(0, 0, 40, 40) if index != 3 else Box(0, 0, 0, 0) for index in range(8)]
    spoiled = [frame.copy() for frame in smooth_frames]
    spoiled[3][:] = 0
    assert compare(spoiled, smooth_frames, perceptual_loss, boxes=boxes)["psnr"] == 100


def test_masks_are_compared_where_given(perceptual_loss, smooth_frames):
    full = np.ones((60, 48), bool)
    half = full.copy()
    half[:30] = False
    scores = compare(smooth_frames, smooth_frames, perceptual_loss, masks=[half] * 8, true_masks=[full] * 8)
    assert scores["mask_iou"] == 0.5


def test_videos_of_different_length_are_refused(perceptual_loss, smooth_frames):
    with pytest.raises(ValueError, match="zip"):
        compare(smooth_frames, smooth_frames[:-1], perceptual_loss)


def test_nothing_to_score_gives_none(perceptual_loss):
    assert compare([], [], perceptual_loss)["perceptual"] is None
