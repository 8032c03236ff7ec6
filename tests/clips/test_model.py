from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.clips.model import ClipSet
from vidgan.errors import CacheError


def numbered(lengths, **options):
    """Clips of 8x8 pixels of which every frame has its own number, over all clips, in red and green."""
    total = np.arange(sum(lengths))
    frames = np.zeros((len(total), 8, 8, 3), np.uint8)
    frames[..., 0], frames[..., 1] = (total % 256)[:, None, None], (total // 256)[:, None, None]
    return ClipSet.of(np.split(frames, np.cumsum(lengths)[:-1]), **options)


def numbers(frames):
    return frames[..., 0, 0, 0].astype(int) + 256 * frames[..., 0, 0, 1].astype(int)


lengths = st.lists(st.integers(1, 30), min_size=1, max_size=8)


@given(lengths, st.integers(1, 12), st.integers(1, 4), st.integers(1, 5))
def test_windows_are_all_that_lie_whole_in_a_clip(lengths, frames, stride, step):
    wanted = [
        (number, first)
        for number, length in enumerate(lengths)
        for first in range(0, length, step)
        if first + (frames - 1) * stride < length
    ]
    windows = numbered(lengths).windows(frames, stride, step)
    assert windows.shape == (len(wanted), 2)
    assert [tuple(window) for window in windows] == wanted


@given(lengths, st.integers(1, 6), st.integers(1, 3))
def test_gather_takes_the_frames_of_each_window(lengths, frames, stride):
    clips = numbered(lengths)
    windows = clips.windows(frames, stride)
    got = clips.gather(windows, frames, stride)
    assert got.shape == (len(windows), frames, 8, 8, 3)
    starts = np.cumsum([0, *lengths])
    for (number, first), window in zip(windows, got, strict=True):
        assert numbers(window).tolist() == [starts[number] + first + stride * k for k in range(frames)]


def test_a_window_that_leaves_its_clip_is_refused():
    clips = numbered([5, 9])
    for window in ([0, 2], [0, -1], [2, 0], [-1, 0]):
        with pytest.raises(IndexError):
            clips.gather(np.array([window]), 4)


def test_views_share_the_frames():
    clips = numbered([4, 5, 6], labels=[0, 1, 0], classes=["a", "b"], held=[False, True, False])
    assert [clip.name for clip in clips.train().clips] == ["0", "2"]
    assert [clip.name for clip in clips.held().clips] == ["1"]
    assert [clip.name for clip in clips.of_class(0).clips] == ["0", "2"]
    assert clips.held().frames is clips.frames
    assert numbers(clips.held().gather(np.array([[0, 1]]), 2)).tolist() == [[5, 6]]
    assert clips.train().labels.tolist() == [0, 0]
    assert numbers(clips.train().clip(1)).tolist() == list(range(9, 15))


def test_saved_and_loaded(tmp_path):
    clips = numbered([4, 300], labels=[0, 1], classes=["a", "b"], groups=["x", "y"], held=[True, False], fps=12.5)
    clips.save(tmp_path / "set")
    clips.save(tmp_path / "set")
    loaded = ClipSet.load(tmp_path / "set")
    assert loaded.clips == clips.clips
    assert (loaded.classes, loaded.digest, loaded.fps) == (clips.classes, clips.digest, 12.5)
    assert isinstance(loaded.frames, np.memmap)
    np.testing.assert_array_equal(loaded.frames, clips.frames)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "set.lock"]


def test_the_digest_tells_sets_apart():
    digests = {numbered([4, 5]).digest, numbered([5, 4]).digest, numbered([4, 5], held=[True, False]).digest}
    assert len(digests) == 3
    assert numbered([4, 5]).digest in digests


def _cut(folder):
    data = (folder / "clips.npy").read_bytes()
    (folder / "clips.npy").write_bytes(data[:-10])


def _longer(folder):
    facts = json.loads((folder / "clips.json").read_text())
    facts["clips"][0]["length"] = 10_000
    (folder / "clips.json").write_text(json.dumps(facts))


def _label(folder):
    facts = json.loads((folder / "clips.json").read_text())
    facts["clips"][0]["label"] = 7
    (folder / "clips.json").write_text(json.dumps(facts))


def _future(folder):
    facts = json.loads((folder / "clips.json").read_text())
    (folder / "clips.json").write_text(json.dumps(facts | {"format": 2}))


def _pickle(folder):
    np.save(folder / "clips.npy", np.array([{}], object), allow_pickle=True)


def _half(folder):
    (folder / "clips.json").write_text((folder / "clips.json").read_text()[:50])


@pytest.mark.parametrize("damage", [_cut, _longer, _label, _future, _pickle, _half])
def test_damage_is_seen(tmp_path, damage):
    folder = tmp_path / "set"
    numbered([4, 5], labels=[0, 1], classes=["a", "b"]).save(folder)
    damage(folder)
    with pytest.raises(CacheError, match="damaged"):
        ClipSet.load(folder)


def test_missing(tmp_path):
    with pytest.raises(CacheError, match="no prepared clips"):
        ClipSet.load(tmp_path)
