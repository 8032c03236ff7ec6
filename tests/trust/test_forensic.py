from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.trust.made import textured, write
from tests.video.clips import write_clip
from vidgan import resources
from vidgan.errors import DependencyError
from vidgan.trust import forensic
from vidgan.trust.forensic import BAG, FRAMES, PLACES, SIDE, Judgement, bags, judge, luma, telling
from vidgan.trust.watermark import Watermark

SAMPLES = Path(__file__).parents[2] / "samples"


def colours(count, height=96, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize(("frames", "found"), [(2, 0), (3, 1), (6, 4), (10, 8), (11, 5), (18, 8), (19, 5), (130, 8)])
def test_moments_are_spread_over_a_video_of_any_length(frames, found):
    assert len(bags(colours(frames), 8)) == found


def test_moments_are_evenly_apart_and_of_consecutive_frames():
    numbered = (np.full((SIDE, SIDE, 3), number, np.uint8) for number in range(60))
    kept = np.stack(bags(numbered, 8))
    assert kept.shape == (len(kept), *BAG)
    firsts = kept[:, 0, :, 0, 0].astype(int)
    assert (np.diff(firsts, axis=1) == 1).all()
    assert len(set(np.diff(firsts[:, 0]))) == 1
    assert firsts[0, 0] == 0
    assert firsts[-1, 0] > 40


def test_luma_is_that_of_bt709():
    rgb = colours(1)[0]
    wanted = rgb @ np.array([0.2126, 0.7152, 0.0722])
    assert np.abs(luma(rgb) - wanted).max() <= 0.51


def test_half_of_the_patches_are_where_it_moves_half_of_the_middle():
    frames = np.full((FRAMES, 300, 400), 90, np.uint8)
    for number in range(FRAMES):
        frames[number, 200 : 200 + SIDE, 304 : 304 + SIDE] = 100 + 40 * number  # most
        frames[number, 16 : 16 + SIDE, 40 : 40 + SIDE] = 100 + 20 * number
    found = telling(frames)
    assert found.shape == BAG
    np.testing.assert_array_equal(found[0], frames[:, 200 : 200 + SIDE, 304 : 304 + SIDE])
    np.testing.assert_array_equal(found[1], frames[:, 16 : 16 + SIDE, 40 : 40 + SIDE])
    assert not np.ptp(found[2:])


def test_the_largest_picture_may_flash():
    frames = np.zeros((FRAMES, 3840, 3840), np.uint8)
    frames[1:] = 255
    frames[:, 3600:] = 7
    np.testing.assert_array_equal(telling(frames)[:2, :, 0, 0], [[0, 255, 255]] * 2)
    assert forensic._change(cv2.absdiff(frames[0], frames[-1])).max() == 255 * SIDE * SIDE


def test_a_small_picture_is_one_patch():
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, SIDE, SIDE + 7), np.uint8)
    found = telling(frames)
    assert len(found) == PLACES
    assert all((patch == frames[:, :, :SIDE]).all() for patch in found)


@pytest.mark.parametrize(
    ("score", "says"),
    [(0.95, "looks made by vidgan or alike"), (0.5, "cannot be told"), (0.05, "does not look made by vidgan")],
)
def test_a_score_has_one_sentence(score, says):
    assert Judgement(score).sentence == says


def test_what_is_too_small_or_short_is_not_judged(tiny_clip, tmp_path):
    assert judge(tiny_clip).sentence == "not judged: the pictures are smaller than 64x64"
    two = write_clip(tmp_path / "two.mp4", colours(2), rate=Fraction(25))
    assert judge(two).sentence == "not judged: there are fewer than 3 frames"


def test_the_shipped_detector_judges_and_says_the_same_again(tmp_path):
    clip = write(tmp_path / "a.mp4", textured(seconds=2))
    first = judge(clip)
    assert first.score is not None
    assert 0 < first.score < 1
    assert judge(clip) == first


def test_only_the_beginning_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(forensic, "SECONDS", 1)
    long, short = (write(tmp_path / f"{seconds}.mp4", textured(seconds=seconds)) for seconds in (3, 1))
    seen = [forensic.bags(forensic._begin(forensic.ClipReader(clip)), 64) for clip in (long, short)]
    assert len(seen[0]) == len(seen[1]) == 14


def test_the_shipped_detector_is_small():
    assert resources.shipped_detector().stat().st_size < 1_000_000


def test_an_installation_without_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    with pytest.raises(DependencyError, match=r"forensic.safetensors is missing\): install vidgan again"):
        forensic.load_detector()


def test_the_watermark_is_not_what_is_seen():
    plain = judge(SAMPLES / "truth.mp4").score
    with forensic.ClipReader(SAMPLES / "truth.mp4") as clip:
        frames = [(Watermark(7)(frame.rgb, float(frame.time)), frame.time) for frame in clip]
    network = forensic.load_detector()
    with torch.inference_mode():
        logits = torch.cat([network(torch.from_numpy(bag[None])) for bag in bags((rgb for rgb, _ in frames), 16)])
    assert abs(float(network.likelihood(logits)) - plain) < 0.2


def test_real_footage_is_not_said_to_be_made(data_dir):
    assert judge(data_dir / "face" / "talk_man_22fps.mp4").score < forensic.MADE
