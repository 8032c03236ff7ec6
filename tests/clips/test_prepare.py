"""A folder of clips becomes one memory map, whatever is in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.clips.made import frame_folder, numbers, plain_frames, prepared, strip, video
from tests.clips.test_find import archive, png_strip
from vidgan.clips.model import ClipSet
from vidgan.errors import CacheError, ConfigError, MediaError
from vidgan.progress import Silent

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def strips(tmp_path):
    """Five strips of 6 to 10 frames."""
    for number in range(5):
        strip(tmp_path / "clips" / f"{number}.png", plain_frames(6 + number))
    return tmp_path / "clips"


def by_name(clips):
    return {clip.name: numbers(clips.clip(number)) for number, clip in enumerate(clips.clips)}


def test_every_kind_of_clip(tmp_path):
    source = tmp_path / "clips"
    video(source / "run" / "a.mp4", plain_frames(6, 32, 48), rate=Fraction(10))
    strip(source / "run" / "b.png", plain_frames(7))
    strip(source / "walk" / "c.png", plain_frames(5), vertical=True, mode="RGBA")
    frame_folder(source / "walk" / "d", plain_frames(8, 24, 40))
    first, *rest = [Image.fromarray(frame) for frame in plain_frames(5)]
    first.save(source / "walk" / "e.gif", save_all=True, append_images=rest, duration=100)
    clips = prepared(source, tmp_path / "out")
    assert by_name(clips) == {
        "run/a.mp4": list(range(6)),
        "run/b.png": list(range(7)),
        "walk/c.png": list(range(5)),
        "walk/d": list(range(8)),
        "walk/e.gif": list(range(5)),
    }
    assert clips.classes == ("run", "walk")
    assert clips.labels.tolist() == [0, 0, 1, 1, 1]
    assert [clip.fps for clip in clips.clips] == [pytest.approx(10), None, None, None, pytest.approx(10)]
    assert clips.frames.shape == (31, 16, 16, 3)
    assert isinstance(clips.frames, np.memmap)
    assert clips.skipped == ()
    assert len(clips.held()) == 1


def test_bad_files_among_good_ones_are_left_out_with_the_reason(strips, tmp_path):
    (strips / "bad.mp4").write_bytes(b"no video")
    (strips / "empty.mp4").touch()
    (strips / "cut.png").write_bytes((strips / "0.png").read_bytes()[:60])
    strip(strips / "short.png", plain_frames(4))
    strip(strips / "odd.png", [np.zeros((16, 100, 3), np.uint8)])
    progress = Silent()
    clips = prepared(strips, tmp_path / "out", progress, frames=5)
    assert len(clips) == 5
    reasons = dict(clips.skipped)
    assert reasons.keys() == {"bad.mp4", "empty.mp4", "cut.png", "short.png", "odd.png"}
    assert reasons["short.png"] == "has 4 frames, fewer than the window of 5"
    assert reasons["empty.mp4"] == "is empty; give a video file"
    assert "100x16 is no whole number" in reasons["odd.png"]
    assert not any("\n" in reason or str(tmp_path) in reason for reason in reasons.values())
    assert any(warning.startswith("5 left out: bad.mp4: ") for warning in progress.warnings)
    assert sum(clip.length for clip in clips.clips) == len(clips.frames)


def test_mixed_rates_are_told_and_can_be_made_one(tmp_path):
    for rate in (10, 20):
        video(tmp_path / "clips" / f"{rate}.mp4", plain_frames(20), rate=Fraction(rate))
    progress = Silent()
    clips = prepared(tmp_path / "clips", tmp_path / "out", progress)
    assert [clip.length for clip in clips.clips] == [20, 20]
    assert any("10 to 20 frames/s" in text and "--set clips.fps=10" in text for text in progress.warnings)
    progress = Silent()
    clips = prepared(tmp_path / "clips", tmp_path / "out", progress, fps=10)
    assert by_name(clips) == {"10.mp4": list(range(20)), "20.mp4": list(range(0, 20, 2))}
    assert clips.fps == 10
    assert not progress.warnings


def test_labels_and_groups_by_name(tmp_path):
    for name in ("s0_run", "s0_walk", "s1_run", "s1_walk", "title"):
        strip(tmp_path / "clips" / f"{name}.png", plain_frames(6))
    clips = prepared(tmp_path / "clips", tmp_path / "out", label=r"_(\w+)\.png", group=r"^(s\d+)_")
    assert clips.classes == ("run", "walk")
    assert {clip.group for clip in clips.clips} == {"s0", "s1"}
    assert len({clip.group for clip in clips.held().clips}) == 1
    assert len(clips.held()) == 2
    assert clips.skipped == (("title.png", "clips.label does not match its path, so its class is unknown"),)


def test_a_class_held_out_whole_is_told(tmp_path):
    for name in ("ann/run1", "bob/run2", "bob/walk1"):
        strip(tmp_path / "clips" / f"{name}.png", plain_frames(6))
    progress = Silent()
    settings = {"label": r"([a-z]+)\d", "group": r"^(\w+)/", "held_groups": ("bob",)}
    prepared(tmp_path / "clips", tmp_path / "out", progress, **settings)
    assert "all clips of class walk are held out: none is left to train on" in progress.warnings


def test_an_archive_of_strips(tmp_path):
    path = archive(tmp_path / "a.tar.gz", {f"data/{k % 2}/{k}.png": png_strip(6 + k) for k in (3, 1, 2, 0)})
    clips = prepared(path, tmp_path / "out")
    assert [clip.name for clip in clips.clips] == ["data/0/0.png", "data/0/2.png", "data/1/1.png", "data/1/3.png"]
    assert clips.classes == ("0", "1")
    assert [len(frames) for frames in by_name(clips).values()] == [6, 8, 7, 9]


# --- Refused ---------------------------------------------------------------------------------------------------------


def refused(kind, source, folder, **settings):
    with pytest.raises(kind) as caught:
        prepared(source, folder, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert not folder.exists()
    return message


def test_missing_folder(tmp_path):
    assert "no such folder" in refused(MediaError, tmp_path / "none", tmp_path / "out")


def test_empty_folder(tmp_path):
    (tmp_path / "clips").mkdir()
    assert "no clips in it; give a folder" in refused(MediaError, tmp_path / "clips", tmp_path / "out")
    (tmp_path / "clips" / "notes.txt").touch()
    assert "(1 files of other kinds)" in refused(MediaError, tmp_path / "clips", tmp_path / "out")


def test_a_video_instead_of_a_folder(tmp_path):
    path = video(tmp_path / "a.mp4", plain_frames(6))
    assert "neither a folder nor a readable tar archive" in refused(MediaError, path, tmp_path / "out")


def test_nothing_readable(tmp_path):
    for name in ("a.mp4", "b.png"):
        (tmp_path / "clips").mkdir(exist_ok=True)
        (tmp_path / "clips" / name).write_bytes(b"broken")
    message = refused(MediaError, tmp_path / "clips", tmp_path / "out")
    assert "none of its 2 clips can be used" in message
    assert "b.png" in message


def test_one_clip(tmp_path):
    strip(tmp_path / "clips" / "only.png", plain_frames(9))
    message = refused(MediaError, tmp_path / "clips", tmp_path / "out")
    assert "only one clip, only.png" in message
    assert "at least 2 are needed" in message
    assert "memorised" in message


def test_all_clips_shorter_than_the_window(strips, tmp_path):
    message = refused(MediaError, strips, tmp_path / "out", frames=16)
    assert "window of 16 frames; the longest, 4.png, has 10" in message
    assert "--set clips.frames" in message
    message = refused(MediaError, strips, tmp_path / "out", frames=8, stride=2)
    assert "8 frames, 2 apart" in message
    assert "--set clips.stride=1" in message


def test_a_label_that_matches_nothing(strips, tmp_path):
    assert "clips.label does not match" in refused(MediaError, strips, tmp_path / "out", label=r"person(\d+)")


def test_a_group_that_matches_nothing(strips, tmp_path):
    assert "clips.group" in refused(ConfigError, strips, tmp_path / "out", group="person")


def test_a_place_that_cannot_be_written(strips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot be written"):
        prepared(strips, tmp_path / "file" / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(strips, tmp_path, monkeypatch):
    real = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *args: real(Path("/dev/full") if path.name == "clips.npy" else path, *args)
    )
    with pytest.raises(CacheError, match="no space is left"):
        prepared(strips, tmp_path / "out")


# --- Used again ------------------------------------------------------------------------------------------------------


class Counting(Silent):
    """Counts the clips that are read."""

    def __init__(self):
        super().__init__()
        self.read = 0

    def advance(self, amount=1, **info):
        self.read += 1


def read_by(source, folder, **settings):
    progress = Counting()
    clips = prepared(source, folder, progress, **settings)
    return progress.read, clips


def test_the_same_clips_are_read_once(strips, tmp_path):
    (strips / "bad.mp4").write_bytes(b"no video")
    first = read_by(strips, tmp_path / "out")[1]
    progress = Counting()
    again = prepared(strips, tmp_path / "out", progress)
    assert progress.read == 0
    assert again.clips == first.clips
    assert any("left out: bad.mp4" in text for text in progress.warnings)


def test_a_copy_counts_as_the_same(strips, tmp_path):
    read_by(strips, tmp_path / "out")
    shutil.copytree(strips, tmp_path / "copy", copy_function=shutil.copyfile)
    assert read_by(tmp_path / "copy", tmp_path / "out")[0] == 0


def test_changed_clips_or_settings_are_read_again(strips, tmp_path):
    digests = [read_by(strips, tmp_path / "out")[1].digest]

    def again(**settings):
        read, clips = read_by(strips, tmp_path / "out", **settings)
        digests.append(clips.digest)
        return read

    assert again(size=8) == 5
    assert again() == 5
    assert again(mirror=True) == 0
    strip(strips / "4.png", plain_frames(10, first=1))
    assert again() == 5
    (strips / "4.png").rename(strips / "5.png")
    assert again() == 5
    strip(strips / "6.png", plain_frames(10))
    assert again() == 6
    assert len(set(digests)) == 5


def test_damaged_results_are_made_anew(strips, tmp_path):
    prepared(strips, tmp_path / "out")
    (tmp_path / "out" / "clips.npy").write_bytes(b"")
    progress = Counting()
    assert len(prepared(strips, tmp_path / "out", progress)) == 5
    assert progress.read == 5
    assert "damaged" in progress.warnings[0]


class Stops(Silent):
    """An interrupt at the third clip."""

    done = 0

    def advance(self, amount=1, **info):
        self.done += 1
        if self.done == 3:
            raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing_half(strips, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        prepared(strips, tmp_path / "out", Stops())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "out.lock"]
    assert len(prepared(strips, tmp_path / "out")) == 5


def test_an_interrupt_keeps_the_older_ones(strips, tmp_path):
    old = prepared(strips, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        prepared(strips, tmp_path / "out", Stops(), size=8)
    assert ClipSet.load(tmp_path / "out").digest == old.digest


def test_who_still_reads_the_older_ones_keeps_them(strips, tmp_path):
    old = prepared(strips, tmp_path / "out")
    prepared(strips, tmp_path / "out", size=8)
    assert by_name(old)["0.png"] == list(range(6))


SLOW = """
import sys, time
from pathlib import Path
from tests.clips.made import prepared
from vidgan.progress import Silent

class Slow(Silent):
    def advance(self, amount=1, **info):
        Path(sys.argv[3]).touch()
        time.sleep(float(sys.argv[4]))

progress = Slow()
print(len(prepared(Path(sys.argv[1]), Path(sys.argv[2]), progress)), progress.notes)
"""


def start(source, folder, mark, pause):
    command = [sys.executable, "-c", SLOW, str(source), str(folder), str(mark), str(pause)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=dict(os.environ))


def wait_for(mark, process):
    until = time.monotonic() + 120
    while not mark.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert mark.exists()


def test_a_kill_leaves_nothing_that_is_taken_for_whole(strips, tmp_path):
    process = start(strips, tmp_path / "out", tmp_path / "mark", 60)
    wait_for(tmp_path / "mark", process)
    process.kill()
    process.wait()
    assert (tmp_path / "out.partial").exists()
    assert not (tmp_path / "out").exists()
    assert read_by(strips, tmp_path / "out")[0] == 5
    assert not (tmp_path / "out.partial").exists()


def test_a_second_command_waits_for_the_first(strips, tmp_path):
    process = start(strips, tmp_path / "out", tmp_path / "mark", 0.2)
    wait_for(tmp_path / "mark", process)
    progress = Counting()
    clips = prepared(strips, tmp_path / "out", progress)
    assert process.communicate()[0].startswith("5 ")
    assert len(clips) == 5
    assert progress.read == 0
    assert "waiting" in progress.notes[0]
