from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidgan.clips.model import ClipSet
from vidgan.errors import ConfigError, MediaError
from vidgan.train.sampler import WindowSampler, as_clips, as_frames


def make(lengths, labels=None):
    """Clips whose red is the clip, green the frame; blue rises from left to right."""
    clips = []
    for number, length in enumerate(lengths):
        clip = np.zeros((length, 8, 8, 3), np.uint8)
        clip[..., 0], clip[..., 1] = number, np.arange(length)[:, None, None]
        clip[..., 2] = np.arange(8)
        clips.append(clip)
    return ClipSet.of(clips, labels, [str(k) for k in range(max(labels) + 1)] if labels else ())


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 1000), st.booleans())
def test_the_shares_of_all_ranks_are_the_whole_batch(world, share, step, mirror):
    sampler = WindowSampler(make([9, 12, 7], [0, 1, 0]), 4, 2, seed=5, mirror=mirror)
    whole, labels = sampler.draw(step, world * share)
    parts = [sampler.draw(step, world * share, rank, world) for rank in range(world)]
    assert torch.equal(torch.cat([frames for frames, _ in parts]), whole)
    assert torch.equal(torch.cat([label for _, label in parts]), labels)


def test_a_draw_depends_on_seed_and_step_alone():
    clips = make([20, 20])
    frames, labels = WindowSampler(clips, 4, seed=1).draw(7, 8)
    later = WindowSampler(clips, 4, seed=1)
    later.draw(0, 3)
    assert torch.equal(later.draw(7, 8)[0], frames)
    assert labels is None
    assert not torch.equal(later.draw(8, 8)[0], frames)
    assert not torch.equal(WindowSampler(clips, 4, seed=2).draw(7, 8)[0], frames)


def test_windows_are_of_one_clip_and_its_class():
    labels = [0, 1, 1]
    frames, drawn = WindowSampler(make([9, 12, 30], labels), 4, 2).draw(0, 64)
    assert frames.dtype == torch.uint8
    assert frames.shape == (64, 4, 8, 8, 3)
    clip, time = frames[..., 0, 0, 0].long(), frames[..., 0, 0, 1].long()
    assert (clip == clip[:, :1]).all()
    assert (time.diff(dim=1) == 2).all()
    assert torch.equal(drawn, torch.tensor(labels)[clip[:, 0]])
    assert drawn.dtype == torch.int64


def shares(values, count):
    return np.bincount(values, minlength=count) / len(values)


def test_classes_then_clips_then_windows_are_equally_likely():
    lengths, labels = [5, 40, 8, 6], [0, 0, 0, 1]
    sampler = WindowSampler(make(lengths, labels), 4)
    windows, _ = sampler.windows(0, 12_000)
    np.testing.assert_allclose(shares(windows[:, 0], 4), [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=0.02)
    np.testing.assert_allclose(shares(windows[windows[:, 0] == 2, 1], 5), np.full(5, 0.2), atol=0.04)
    assert set(windows[windows[:, 0] == 1, 1]) == set(range(37))


def test_without_classes_clips_are_equally_likely():
    windows, _ = WindowSampler(make([5, 40, 8]), 4).windows(0, 9_000)
    np.testing.assert_allclose(shares(windows[:, 0], 3), np.full(3, 1 / 3), atol=0.02)


def test_short_clips_and_absent_classes_are_never_drawn():
    clips = make([3, 9, 9, 9], [0, 1, 2, 2]).train()
    windows, _ = WindowSampler(clips, 4).windows(0, 2_000)
    np.testing.assert_allclose(shares(windows[:, 0], 4), [0, 0.5, 0.25, 0.25], atol=0.05)


def test_a_clip_is_mirrored_as_a_whole_or_not_at_all():
    frames, _ = WindowSampler(make([20, 20]), 4, mirror=True).draw(0, 200)
    ramp = torch.arange(8, dtype=torch.uint8)
    blue = frames[..., 0, :, 2]  # (B, T, S)
    plain = (blue == ramp).all(dim=-1)
    mirrored = (blue == ramp.flip(0)).all(dim=-1)
    assert (plain.all(dim=1) | mirrored.all(dim=1)).all()
    assert 60 < int(mirrored.all(dim=1).sum()) < 140
    unmirrored, _ = WindowSampler(make([20, 20]), 4).draw(0, 200)
    assert (unmirrored[..., 0, :, 2] == ramp).all()
    assert torch.equal(unmirrored[..., 1], frames[..., 1])  # the same windows either way


def test_the_stored_frames_stay_as_they_are():
    clips = make([6])
    before = clips.frames.copy()
    frames, _ = WindowSampler(clips, 4, mirror=True).draw(0, 16)
    frames.zero_()
    np.testing.assert_array_equal(clips.frames, before)


def test_a_batch_that_cannot_be_shared():
    with pytest.raises(ConfigError, match="a batch of 7 cannot be shared by 2 processes"):
        WindowSampler(make([9]), 4).draw(0, 7, 0, 2)


def test_no_clip_is_long_enough():
    with pytest.raises(MediaError, match="no clip has the 16 frames of a window"):
        WindowSampler(make([9, 5]), 16)


def test_networks_get_minus_one_to_one():
    frames = torch.randint(0, 256, (2, 3, 4, 4, 3), dtype=torch.uint8)
    frames[0, 0, 0, 0, :2] = torch.tensor([0, 255])
    clips = as_clips(frames)
    assert clips.shape == (2, 3, 3, 4, 4)
    assert clips.is_contiguous()
    assert clips[0, :2, 0, 0, 0].tolist() == [-1, 1]
    assert clips[1, 2, 1, 3, 0] == pytest.approx(float(frames[1, 1, 3, 0, 2]) / 127.5 - 1)
    assert torch.equal(as_frames(clips), frames)
    assert torch.equal(as_frames(clips * 3).amax(), torch.tensor(255, dtype=torch.uint8))
