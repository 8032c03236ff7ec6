from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vidgan.clips.names import folder_classes, natural_key, sequences, shown


def test_numbers_sort_as_numbers():
    assert sorted(["c10", "c2", "c1a", "b"], key=natural_key) == ["b", "c1a", "c2", "c10"]


@given(st.lists(st.text(alphabet="ab01²٣/_."), unique=True))
def test_the_order_does_not_depend_on_where_it_starts(names):
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


def test_sequences_are_told_apart_by_all_but_the_last_number():
    names = ["b_2_10.png", "b_2_9.png", "b_10_1.png", "a.png", "a1.jpg", "a2.png"]
    found = [(before, [file.name for file in files]) for before, files in sequences(map(Path, names))]
    assert found == [
        ("a", ["a1.jpg"]),
        ("a", ["a.png"]),
        ("a", ["a2.png"]),
        ("b_2_", ["b_2_9.png", "b_2_10.png"]),
        ("b_10_", ["b_10_1.png"]),
    ]


def test_classes_are_the_first_folders_that_differ():
    assert folder_classes(["data/walk/1.mp4", "data/run/x/2.mp4"]) == ["walk", "run"]


def test_no_classes_in_one_folder_or_beside_folders():
    assert folder_classes(["a/1.mp4", "a/2.mp4"]) == [None, None]
    assert folder_classes(["1.mp4", "walk/2.mp4"]) == [None, None]
    assert folder_classes([]) == []


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_any_name_of_a_file_is_shown_in_one_line_of_text(name):
    text = shown(Path(os.fsdecode(name)))
    assert text.isprintable()
    text.encode("utf-8")
