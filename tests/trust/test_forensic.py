from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from tests.trust.made import textured, write
from tests.video.clips import write_clip
from vidgan import resources
from vidgan.errors import DependencyError
from vidgan.face.backend import Face, FaceConfig, MeshBackend
from vidgan.face.follow import FaceFollower
from vidgan.nets.forensic import FACE, GROUND
from vidgan.trust import forensic
from vidgan.trust.forensic import BAG, FRAMES, SIDE, Judgement, bags, face_patches, face_places, judge, luma, telling
from vidgan.trust.watermark import Watermark

SAMPLES = Path(__file__).parents[2] / "samples"


class Followed:
    """Somebody whose landmarks are known: of each frame, or of none."""

    def __init__(self, *landmarks):
        self.landmarks = landmarks

    def restart(self):
        pass

    def detect(self, rgb, index, seconds):
        return Face(self.landmarks[index], np.zeros(478, np.float32)) if self.landmarks else None


NOBODY = Followed()


def colours(count, height=96, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), np.uint8)


@pytest.mark.parametrize(("frames", "found"), [(2, 0), (3, 1), (6, 4), (10, 8), (11, 5), (18, 8), (19, 5), (130, 8)])
def test_moments_are_spread_over_a_video_of_any_length(frames, found):
    assert len(bags(colours(frames), 8, NOBODY)) == found


def test_moments_are_evenly_apart_and_of_consecutive_frames():
    numbered = (np.full((SIDE, SIDE, 3), number, np.uint8) for number in range(60))
    kept = np.stack(bags(numbered, 8, NOBODY))
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
    assert found.shape == (GROUND, *BAG[1:])
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
    assert len(found) == GROUND
    assert all((patch == frames[:, :, :SIDE]).all() for patch in found)


def test_patches_follow_the_face():
    texture = np.random.default_rng(0).integers(20, 256, (400, 400), np.uint8)
    frames = np.stack([np.roll(texture, (3 * number, -5 * number), (0, 1)) for number in range(FRAMES)])
    first = np.random.default_rng(1).uniform(150, 250, (478, 2)).astype(np.float32)
    steps = np.array([-5, 3], np.float32)
    found = face_patches(frames, list(frames), Followed(*(first + k * steps for k in range(FRAMES))), 0)
    assert found.shape == (FACE, *BAG[1:])
    for slot, (x, y) in enumerate(face_places(first)):
        top, left = round(y - SIDE / 2), round(x - SIDE / 2)
        if 0 <= top <= 400 - SIDE - 6 and 10 <= left <= 400 - SIDE:
            np.testing.assert_array_equal(found[slot, 0], texture[top : top + SIDE, left : left + SIDE])
            np.testing.assert_array_equal(found[slot, 1], found[slot, 0])
            np.testing.assert_array_equal(found[slot, 2], found[slot, 0])
    assert (found > 0).all()


def test_places_go_down_a_face_from_hair_to_collar():
    face = np.zeros((478, 2), np.float32)
    face[10], face[168], face[152], face[205] = (50, 20), (50, 50), (50, 110), (30, 80)
    face[list(forensic.LIPS_OUTER)] = (50, 90)
    np.testing.assert_allclose(face_places(face), [(50, 2), (50, 50), (30, 80), (50, 90), (50, 110), (50, 140)])


def test_without_a_face_its_patches_are_black():
    frames = np.full((FRAMES, 200, 200), 90, np.uint8)
    assert not face_patches(frames, list(frames), NOBODY, 0).any()
    small = np.full((FRAMES, 100, 200), 90, np.uint8)
    narrow = Followed(*[np.linspace((80, 80), (110, 130), 478, dtype=np.float32)] * 3)
    assert not face_patches(frames, list(frames), narrow, 0).any()
    assert not face_patches(small, list(small), Followed(*[np.full((478, 2), 50, np.float32)] * 3), 0).any()


def test_a_face_counts_where_it_is_near():
    frames = np.full((FRAMES, 600, 700), 90, np.uint8)
    for width, near in ((95, True), (75, False)):
        face = Followed(*[np.linspace((300, 300), (300 + width, 400), 478, dtype=np.float32)] * 3)
        assert face_patches(frames, list(frames), face, 0).any() == near
        assert face_patches(frames, list(frames), face, 0, least=0).all()


def noise(count, height, width):
    rng = np.random.default_rng(height)
    return list(rng.integers(60, 190, (count, height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("score", "says"),
    [(0.995, "looks made by vidgan or alike"), (0.5, "cannot be told"), (0.0, "cannot be told")],
)
def test_a_score_has_one_sentence(score, says):
    assert Judgement(score).sentence == says


def test_what_is_too_small_or_short_is_not_judged(tiny_clip, tmp_path):
    assert judge(tiny_clip).sentence == "not judged: the pictures are smaller than 64x64"
    two = write_clip(tmp_path / "two.mp4", noise(2, 192, 192))
    assert judge(two).sentence == "not judged: there are fewer than 3 frames"


@pytest.mark.parametrize(("height", "width"), [(64, 128), (72, 72), (144, 144), (128, 400)])
def test_neither_film_nor_clip_of_one_patch_is_not_judged(tmp_path, height, width):
    said = judge(write_clip(tmp_path / "between.mp4", noise(4, height, width)))
    assert said.sentence == "not judged: of pictures between 64 and 192 pixels nothing was learnt"


def test_dark_moments_say_nothing(tmp_path):
    dark, light = [np.zeros((192, 208, 3), np.uint8)] * 6, noise(6, 192, 208)
    lossless = {"crf": "0"}
    alone = judge(write_clip(tmp_path / "light.mp4", light, options=lossless))
    after = judge(write_clip(tmp_path / "both.mp4", [*dark, *light], options=lossless))
    assert judge(write_clip(tmp_path / "dark.mp4", dark)).sentence == "not judged: the pictures are too dark"
    assert abs(after.score - alone.score) < 0.02


@pytest.mark.parametrize(("height", "width"), [(64, 64), (192, 208)])
def test_the_shipped_detector_judges_and_says_the_same_again(tmp_path, height, width):
    clip = write_clip(tmp_path / "a.mp4", noise(8, height, width))
    first = judge(clip)
    assert first.score is not None
    assert 0 <= first.score <= 1
    assert first.score == round(first.score, 3)
    assert judge(clip) == first


def test_judging_a_face_writes_nothing_to_standard_error(tmp_path):
    picture = cv2.cvtColor(cv2.imread(str(SAMPLES / "faces" / "portrait.jpg")), cv2.COLOR_BGR2RGB)
    clip = write_clip(tmp_path / "wide.mp4", [picture[:300]] * 3)
    code = "import sys; from pathlib import Path; from vidgan.trust.forensic import judge; judge(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, clip], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_only_the_beginning_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(forensic, "SECONDS", 1)
    long, short = (write(tmp_path / f"{seconds}.mp4", textured(seconds=seconds)) for seconds in (3, 1))
    seen = [forensic.bags(forensic._begin(forensic.ClipReader(clip)), 64, NOBODY) for clip in (long, short)]
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
    with torch.inference_mode(), MeshBackend(FaceConfig()) as backend:
        seen = bags((rgb for rgb, _ in frames), 16, FaceFollower(backend))
        logits = torch.cat([network(torch.from_numpy(bag[None])) for bag in seen])
    assert abs(float(network.likelihood(logits)) - plain) < 0.2


def test_real_footage_is_not_said_to_be_made(data_dir):
    assert judge(data_dir / "face" / "talk_man_22fps.mp4").score < forensic.MADE
