from __future__ import annotations

import numpy as np
import pytest

from tests.runs.made import people
from vidgan.clips.model import ClipSet
from vidgan.errors import UsageError
from vidgan.runs.choose import halves, renumbered, shuffled, spread_windows, training_frames


def lengths(*values):
    """Clips of those lengths; every frame says which it is."""
    return ClipSet.of(
        [np.full((length, 8, 8, 3), clip * 50, np.uint8) + np.arange(length, dtype=np.uint8)[:, None, None, None]
         for clip, length in enumerate(values)]
    )  # fmt: skip


def test_windows_are_spread_over_clips_and_over_time():
    chosen = spread_windows(lengths(40, 40, 40), 12, 8, 1, seed=0)
    assert np.bincount(chosen.windows[:, 0]).tolist() == [4, 4, 4]
    for clip in range(3):
        assert sorted(chosen.windows[chosen.windows[:, 0] == clip, 1].tolist()) == [0, 11, 21, 32]
    assert sorted(chosen.first(3).windows[:, 0].tolist()) == [0, 1, 2]
    assert chosen.frames.shape == (12, 8, 8, 8, 3)


def test_short_clips_give_what_they_have_and_the_others_the_rest():
    chosen = spread_windows(lengths(9, 30, 5), 12, 8, 1, seed=0)
    assert np.bincount(chosen.windows[:, 0]).tolist() == [2, 10]
    assert len(spread_windows(lengths(9, 10), 50, 8, 1, seed=0)) == 5


def test_the_seed_decides():
    clips = people()
    first, again, other = (spread_windows(clips, 10, 8, 1, seed).windows.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_stride_leaves_frames_out():
    chosen = spread_windows(lengths(20), 2, 4, 3, seed=0)
    assert (np.diff(chosen.frames[:, :, 0, 0, 0].astype(int), axis=1) == 3).all()


def test_training_frames_are_there_once_and_give_every_window():
    clips = lengths(6, 9)
    found = training_frames(clips, 4, 2, limit=100, seed=0)
    assert found.windows.tolist() == clips.windows(4, 2).tolist()
    assert len(found.frames) == 6 * 0 + 9  # the first clip is shorter than a window's seven frames
    expected = clips.gather(found.windows, 4, 2)
    assert (found.frames[found.rows.numpy()] == expected).all()


def test_of_many_training_frames_some_windows_are_taken():
    found = training_frames(lengths(60, 60), 4, 1, limit=20, seed=0)
    assert len(found.windows) == 5
    assert len(found.frames) <= 20


def test_halves_share_nobody():
    ours, theirs = halves(people(5, held=()))
    groups = [{clip.group for clip in side.clips} for side in (ours, theirs)]
    assert groups == [{"p0", "p2", "p4"}, {"p1", "p3"}]
    with pytest.raises(UsageError, match="--against"):
        halves(people(1, held=()))


def test_shuffled_keeps_the_frames():
    clips = spread_windows(lengths(30), 4, 8, 1, seed=0).frames
    mixed = shuffled(clips, 0)
    assert (mixed != clips).any()
    assert (np.sort(mixed[:, :, 0, 0, 0], axis=1) == clips[:, :, 0, 0, 0]).all()


def test_labels_are_numbered_anew_by_name():
    labels = np.array([0, 1, 1])
    assert renumbered(labels, ("walk", "jump"), ("jump", "run", "walk")).tolist() == [2, 0, 0]
    assert renumbered(labels, ("walk", "jump"), ("walk",)) is None
    assert renumbered(None, (), ("walk",)) is None
