"""Real clips, where they are there."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tests.clips.made import prepared
from vidgan.clips.moving_mnist import moving_mnist, read_digits


@pytest.fixture(scope="module")
def weizmann(data_dir, tmp_path_factory):
    folder = data_dir / "clips" / "weizmann"
    settings = {"size": 64, "frames": 16, "label": r"_(\w+)\.png", "group": r"^(s\d+)_"}
    return folder, prepared(folder, tmp_path_factory.mktemp("weizmann") / "out", **settings)


def test_weizmann_is_as_its_table_says(weizmann):
    folder, clips = weizmann
    with (folder / "clips.csv").open(newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert {clip.name for clip in clips.clips} == rows.keys()
    for number, clip in enumerate(clips.clips):
        row = rows[clip.name]
        assert clip.length == int(row["frames"])
        assert clips.classes[clip.label] == row["action"]
        assert clip.group == f"s{row['subject']}"
        change = np.abs(np.diff(clips.clip(number).astype(float), axis=0)).mean()
        assert change == pytest.approx(float(row["interframe_mae"]), rel=0.02)


def test_weizmann_holds_out_a_person(weizmann):
    clips = weizmann[1]
    assert len({clip.group for clip in clips.held().clips}) == 1
    assert sorted(clip.label for clip in clips.held().clips) == [0, 1, 2, 3]
    assert len(clips.train()) == 24


def test_real_digits_move(data_dir):
    digits = read_digits(data_dir / "clips" / "mnist_digits_10k.npz")
    clips = np.stack(list(moving_mnist(digits, 4)))
    assert clips.shape == (4, 20, 64, 64)
    assert (clips.max(axis=(2, 3)) > 200).all()
