"""Marking and finding again; a search that finds nothing at the frame's own place looks everywhere, for seconds."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.trust.made import HEIGHT, RATE, WIDTH, marked, textured, write
from vidgan.trust import detect, watermark
from vidgan.trust.detect import Found, Guess, find_in, find_watermark
from vidgan.trust.pattern import CYCLE, PATTERNS, Key, place, ring, share
from vidgan.trust.payload import encode
from vidgan.trust.watermark import MOST, NOISE_DB, SMALL_NOISE_DB, Watermark, gain, strength, texture
from vidgan.video.clip import Frame
from vidgan.video.read import ClipReader

NUMBER = 0xCAFE1234


@pytest.fixture(scope="module")
def frames():
    """Four seconds with the mark."""
    return marked(Watermark(NUMBER))


def found(path):
    result = find_watermark(path)
    return result.number, result.present, result.guess


def test_a_mark_is_read_after_strong_compression(frames, tmp_path):
    number, present, guess = found(write(tmp_path / "a.mp4", frames, crf=26))
    assert (number, present, guess.flipped) == (NUMBER, True, False)


def test_a_mark_is_read_at_half_the_size(frames, tmp_path):
    small = [(cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), time) for rgb, time in frames]
    assert found(write(tmp_path / "a.mp4", small))[0] == NUMBER


def test_a_mark_is_read_in_the_mirror(frames, tmp_path):
    number, _, guess = found(write(tmp_path / "a.mp4", [(rgb[:, ::-1], time) for rgb, time in frames]))
    assert (number, guess.flipped) == (NUMBER, True)


def test_a_mark_is_read_from_three_seconds_of_the_middle(tmp_path):
    part = [(rgb, time - 5) for rgb, time in marked(Watermark(NUMBER), seconds=8) if time >= 5]
    number, _, guess = found(write(tmp_path / "a.mp4", part))
    assert number == NUMBER
    assert guess.seconds == pytest.approx(5, abs=0.5)


def test_a_mark_is_read_at_another_rate(frames, tmp_path):
    fewer = [(rgb, time) for number, (rgb, time) in enumerate(frames) if number % 3]
    assert found(write(tmp_path / "a.mp4", fewer, rate=RATE * 2 / 3))[0] == NUMBER


def test_a_mark_is_read_in_a_part_of_the_picture(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(detect, "_SCALES", detect._SCALES[8:18])
    part = [(rgb[6 : 6 + HEIGHT * 9 // 10, 18 : 18 + WIDTH * 9 // 10], time) for rgb, time in frames]
    number, _, guess = found(write(tmp_path / "a.mp4", part, crf=14))
    assert number == NUMBER
    assert guess.scale == pytest.approx(0.9, abs=0.02)


def test_nothing_is_found_where_nothing_is_nor_by_another_key(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(detect, "_SCALES", detect._SCALES[17:22])
    clean = find_watermark(write(tmp_path / "clean.mp4", textured()))
    assert (clean.present, clean.number) == (False, None)
    other = find_watermark(write(tmp_path / "marked.mp4", frames), Key(b"another secret of 16"))
    assert (other.present, other.number) == (False, None)


def test_what_moves_does_not_drown_the_mark_of_what_stands_still():
    """Two thirds change wildly, the rest hardly: with all counted alike the score is 4.7, as chance may have it."""
    key, shape, rng = Key(), (96, 160), np.random.default_rng(0)
    patterns = key.patterns(encode(NUMBER))[:, *place(shape[1], shape[0])]
    folded, counts = np.zeros((2 * CYCLE, *shape), np.float32), np.zeros(2 * CYCLE)
    counts[:8] = 1
    for group in range(8):
        mark = sum(
            amplitude * key.order[segment][1] * patterns[key.order[segment][0]]
            for segment, amplitude in share((group + 0.5) / 2)
        )
        folded[group] = 0.01 * mark + rng.normal(0, np.where(np.arange(shape[1]) < 110, 0.5, 0.02), shape)
    assert detect._straight(detect._means(folded, counts), False, key)[0] < -15


@pytest.mark.parametrize("uneven", [0.6, 1.2, 30])
def test_a_finding_is_no_likelier_than_it_says(uneven):
    """For any picture, by keys at random: one in ten says 1 in 10 at most, and one in a hundred 1 in 100."""
    rng = np.random.default_rng(3)
    mixed = (rng.pareto(uneven, (PATTERNS, ring().size)) + 0.01).astype(np.complex64)
    key, said = Key(), []
    for _ in range(400):
        turned = mixed * np.exp(2j * np.pi * rng.random(mixed.shape, np.float32)).astype(np.complex64)
        said.append(detect._log10_p(turned, 1, key))
    assert (np.array(said) < -1).mean() <= 0.1
    assert (np.array(said) < -2).mean() <= 0.01 + 0.005
    assert np.mean(10 ** -np.array(said)) < 2  # the e-value's mean is at most 1, and 1 at least for each as it is said


def test_a_message_counts_for_a_finding_whatever_it_says():
    """Strength just enough for its bits to be found, the pilot left out."""
    key, rng = Key(), np.random.default_rng(4)
    noise = (rng.normal(size=key.phases.shape) + 1j * rng.normal(size=key.phases.shape)).astype(np.complex64)
    carried = np.where(key.owners < 0, 0, np.append(encode(NUMBER), 0)[key.owners])
    assert detect._log10_p(noise, 1, key) > -1
    assert detect._log10_p(noise + np.complex64(0.3) * key.phases * carried, 1, key) < -20
    assert detect._log10_p(noise + np.complex64(0.3) * key.phases * -carried, 1, key) < -20


def test_the_mark_of_the_first_frame_counts_where_a_codec_shows_it_to_the_end(monkeypatch):
    key, shape, rng = Key(), (96, 160), np.random.default_rng(5)
    patterns = key.patterns(encode(NUMBER))[:, *place(shape[1], shape[0])]
    mark = sum(amplitude * key.order[it][1] * patterns[key.order[it][0]] for it, amplitude in share(0.0))
    folded, counts = np.zeros((2 * CYCLE, *shape), np.float32), np.zeros(2 * CYCLE)
    counts[:4] = 1
    folded[:4] = mark + rng.normal(0, 0.5, shape) + rng.normal(0, 0.01, (4, *shape))
    surest = [detect._straight(detect._means(folded, counts), False, key)[0]]
    monkeypatch.setattr(detect, "_STILL", 0.0)
    surest.append(detect._straight(detect._means(folded, counts), False, key)[0])
    assert surest[0] < -6
    assert surest[1] > -1


def test_chance_is_bounded_where_little_moves():
    """The same for what the search makes of half seconds of which a part hardly changes, by keys at random."""
    rng = np.random.default_rng(2)
    folded, counts = np.zeros((2 * CYCLE, 96, 160), np.float32), np.zeros(2 * CYCLE)
    counts[:8] = 1
    folded[:8] = rng.normal(0, np.where(np.arange(160) < 110, 0.5, 0.001), (8, 96, 160))
    spectra = detect._spectra(detect._means(folded, counts), Guess())
    scores = []
    for number in range(300):
        mixed = detect._mixed(spectra, 0.0, key := Key(b"key %d" % number))
        scores.append(detect._pilot(mixed, key).real.sum() / detect._spread(mixed, key))
    for bound in (1.0, 2.0):
        assert (np.array(scores) > bound).mean() <= np.exp(-(bound**2) / 2)
    assert np.std(scores) == pytest.approx(1, abs=0.15)


def test_a_mark_in_a_late_block_is_found(monkeypatch):
    """What is looked at together is short here: the first block is clean, the second marked."""
    monkeypatch.setattr(detect, "BLOCK", 4.0)
    monkeypatch.setattr(detect, "_SCALES", np.array([1.0]))
    mark = Watermark(NUMBER)
    clip = (
        Frame(mark(rgb, float(time)) if time >= 4 else rgb, round(time * RATE), 1 / RATE)
        for rgb, time in textured(seconds=8)
    )
    assert find_in(clip, Key()).number == NUMBER


@pytest.mark.parametrize(("width", "height", "least"), [(WIDTH, HEIGHT, SMALL_NOISE_DB), (640, 480, NOISE_DB)])
def test_the_picture_hardly_changes_and_the_given_frame_not_at_all(width, height, least):
    for rgb, time in textured(seconds=0.5, width=width, height=height):
        before = rgb.copy()
        changed = Watermark(1)(rgb, float(time)).astype(float) - rgb
        assert 10 * np.log10(255**2 / np.mean(changed**2)) > least - 0.3
        assert np.abs(changed[: height // 5]).max() <= 3  # the plain part
        assert np.array_equal(rgb, before)


def test_black_stays_black_and_a_plain_wall_beside_an_edge_plain():
    black = np.zeros((120, 160, 3), np.uint8)
    assert not Watermark(1)(black, 0.3).any()
    luma = np.full((128, 128), 100, np.float32)
    luma[:, 64:] = 200
    assert strength(luma, texture(luma)).max() < 1.1


@pytest.mark.parametrize("degrees", [0, 20, 45])
@pytest.mark.parametrize("size", [(1280, 720), (320, 320)])
def test_edges_close_to_each_other_are_hardly_texture(size, degrees):
    down = np.arange(512)[:, None] + np.tan(np.radians(degrees)) * (np.arange(512) - 256)
    wall = 150.0 + 40 * ((down > 240) & (down < 252)) - 30 * ((down > 252) & (down < 272))
    luma = cv2.resize(wall.astype(np.float32), (128, 128), interpolation=cv2.INTER_AREA)
    # A skirting board as high as the mark's blobs; plain walls have 0.9.
    assert strength(luma, texture(luma), gain(*size)).max() < 1.4


def test_texture_takes_more_of_the_mark_in_a_small_picture_and_a_wall_does_not():
    luma = np.full((128, 128), 100, np.float32)
    luma[:, 64:] += np.random.default_rng(0).normal(0, 5, (128, 64)).astype(np.float32)
    small, large = strength(luma, texture(luma), gain(360, 288)), strength(luma, texture(luma), gain(1280, 720))
    assert np.array_equal(small[:, :56], large[:, :56])
    assert (small[:, 80:] > 2 * large[:, 80:]).all()


def test_what_texture_takes_in_a_small_picture_is_not_taken_from_the_wall(monkeypatch):
    rgb = np.full((256, 256, 3), 120, np.uint8)
    rgb[:, 176:] = np.random.default_rng(0).integers(90, 150, (256, 80, 1))
    small = Watermark(1)(rgb, 0.3).astype(float) - rgb
    assert 10 * np.log10(255**2 / np.mean(small**2)) > SMALL_NOISE_DB - 0.3
    monkeypatch.setattr(watermark, "gain", lambda width, height: 1.0)
    large = Watermark(1)(rgb, 0.3).astype(float) - rgb
    assert np.abs(small[:, 200:]).mean() > 1.2 * np.abs(large[:, 200:]).mean()
    assert np.array_equal(small[:, :150], large[:, :150])


def test_pictures_are_small_below_512_pixels_and_ever_more_so():
    assert gain(1920, 1080) == gain(512, 512) == 1 < gain(450, 450) < gain(400, 400) < gain(64, 64) == MOST


@pytest.mark.parametrize("seed", [85, 112, 113, 126])
def test_a_flat_field_below_texture_has_a_strength(seed):
    rng = np.random.default_rng(seed)  # seeds by which running sums of squares fall below 0
    luma = np.full((128, 128), rng.uniform(1, 250), np.float32)
    rows = int(rng.integers(90, 124))
    luma[:rows] += rng.normal(0, 40, (rows, 128)).astype(np.float32)
    assert np.isfinite(strength(luma, texture(luma))).all()


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (31, 64), (64, 900), (900, 64)])
def test_frames_of_any_size_and_shape(shape):
    rgb = np.full((*shape, 3), 128, np.uint8)
    assert Watermark(1)(rgb, 0).shape == rgb.shape


def test_the_pattern_is_the_same_for_ever():
    """Videos marked today must be found by every later version: first phases of the public key, and its order."""
    key = Key()
    assert np.angle(key.phases[0, :3]).round(4).tolist() == pytest.approx([0.1454, 0.4558, 2.9318], abs=2e-4)
    assert key.order[:6] == [(1, -1), (2, 1), (3, -1), (3, 1), (0, -1), (2, 1)]


def test_the_mean_over_a_cycle_shows_nothing():
    key = Key()
    for pattern in range(PATTERNS):
        assert sum(sign for number, sign in key.order if number == pattern) == 0
    for seconds in np.linspace(0, CYCLE, 40):
        (_, first), (_, second) = share(float(seconds))
        assert first**2 + second**2 == pytest.approx(1)


def test_patterns_have_unit_energy_and_no_mean():
    patterns = Key().patterns(encode(5))
    assert np.allclose((patterns**2).mean((1, 2)), 1, atol=1e-4)
    assert np.allclose(patterns.mean((1, 2)), 0, atol=1e-5)


def test_a_number_that_chance_reads_does_not_outdo_a_watermark_that_is_there(monkeypatch):
    findings = [Found(-50.0, None, Guess()), Found(0.0, 5, Guess())]
    monkeypatch.setattr(detect, "_blocks", lambda frames, limit: findings)
    monkeypatch.setattr(detect, "_search", lambda found, key: found)
    best = detect.find_in([], Key())
    assert best.present
    assert best.number is None
    assert best.log10_p == pytest.approx(-50 + np.log10(2))


def test_real_footage_keeps_the_mark_through_a_messenger(data_dir, tmp_path):
    mark = Watermark(NUMBER)
    changed = []
    with ClipReader(data_dir / "body" / "squats_woman_5fps.mp4") as clip:
        for frame in clip:
            if frame.time >= 6:
                break
            rgb = mark(frame.rgb, float(frame.time))
            changed.append((cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), frame.time))
    result = find_watermark(write(tmp_path / "a.mp4", changed, crf=33, rate=Fraction(5)))
    assert result.present
