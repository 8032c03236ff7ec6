from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.clips.config import ClipConfig
from vidgan.clips.model import Clip
from vidgan.clips.split import with_classes, with_groups, with_held
from vidgan.config import load_config
from vidgan.errors import ConfigError, MediaError


def clips(*names):
    return [Clip(name, 0, 16) for name in names]


PEOPLE = clips(*(f"s{k}_{action}.png" for k in range(7) for action in ("bend", "jack", "wave1", "wave2")))


def people():
    return with_groups(with_classes(PEOPLE, r"_(\w+)\.png")[0], r"^(s\d+)_")[0]


def test_names_give_class_and_person():
    labelled, classes = with_classes(PEOPLE, r"_(\w+)\.png")
    assert classes == ("bend", "jack", "wave1", "wave2")
    assert [clip.label for clip in labelled[:4]] == [0, 1, 2, 3]
    assert {clip.group for clip in people()} == {f"s{k}" for k in range(7)}


def test_folders_give_classes_unless_none_are_wanted():
    found = clips("walk/1.mp4", "run/2.mp4")
    assert with_classes(found, "auto")[1] == ("run", "walk")
    assert with_classes(found, "none")[1] == ()


def test_people_are_held_out_with_all_their_clips():
    split = with_held(people(), ClipConfig())
    held = {clip.group for clip in split if clip.held}
    assert len(held) == 1
    assert sum(clip.held for clip in split) == 4
    assert split == with_held(people(), ClipConfig())


def test_named_people_are_held_out():
    split = with_held(people(), ClipConfig(held_groups=("s2", "s5")))
    assert {clip.group for clip in split if clip.held} == {"s2", "s5"}


@given(st.lists(st.integers(2, 20), min_size=1, max_size=5), st.floats(0.01, 0.9))
def test_every_class_gives_its_share_and_keeps_a_clip(sizes, share):
    names = [f"c{label}/{k}" for label, size in enumerate(sizes) for k in range(size)]
    labelled, _ = with_classes(clips(*names), "auto")
    split = with_held(with_groups(labelled, None)[0], ClipConfig(held_out=share))
    held = Counter(clip.name.partition("/")[0] for clip in split if clip.held)
    assert sum(held.values()) >= 1
    for label, size in enumerate(sizes):
        assert held[f"c{label}"] < size
        assert abs(held[f"c{label}"] - share * size) <= 1.5 + share * size * (len(sizes) > 1 and share > 0.5)


def test_group_that_matches_nothing():
    with pytest.raises(ConfigError, match=r"clips\.group: 'person\(\\\\d\+\)' matches no clip's path, such as s0_bend"):
        with_groups(PEOPLE, r"person(\d+)")


def test_group_that_matches_some():
    split, alone = with_groups(clips("p1_a", "p1_b", "other"), r"^p\d")
    assert [clip.group for clip in split] == ["p1", "p1", "other"]
    assert alone == ("other",)


def test_nothing_to_hold_out():
    with pytest.raises(MediaError, match=r"one group \(s1\)"):
        with_held(with_groups(clips("s1_a", "s1_b"), r"^s\d")[0], ClipConfig())
    lonely, _ = with_classes(clips("a/1", "b/1"), "auto")
    with pytest.raises(MediaError, match=r"class empty.*clips\.label=none"):
        with_held(with_groups(lonely, None)[0], ClipConfig())


def test_held_groups_that_are_not_there_or_all():
    with pytest.raises(ConfigError, match=r"no clip is of group s9; there are s0, s1"):
        with_held(people(), ClipConfig(held_groups=("s9",)))
    with pytest.raises(ConfigError, match="all groups"):
        with_held(people(), ClipConfig(held_groups=tuple(f"s{k}" for k in range(7))))


@pytest.mark.parametrize(
    ("setting", "wanted"),
    [
        ("label=walk", r"label .*group \(\.\.\.\)"),
        ("label='(a'", r"label .*regular expression \(missing \)"),
        ("group='[a'", "group .*regular expression"),
        ("held_out=0", "held_out .*greater than 0"),
        ("size=4", "size"),
        ("frames=1", "frames"),
        ("fps=0", "fps"),
        ("frame=8", "did you mean frames"),
    ],
)
def test_wrong_settings_are_one_line(setting, wanted):
    with pytest.raises(ConfigError, match=wanted) as caught:
        load_config(ClipConfig, None, [setting])
    assert "\n" not in str(caught.value)


def test_a_window_spans_its_strides():
    assert ClipConfig(frames=16, stride=2).span == 31
    assert ClipConfig(frames=16).span == 16
