from __future__ import annotations

from fractions import Fraction

import c2pa
import cv2
import numpy as np
import pytest
from PIL import Image

from vidgan.clips.config import ClipConfig
from vidgan.clips.prepare import prepare_clips
from vidgan.errors import OutputError, TrustError, UsageError
from vidgan.progress import Silent
from vidgan.runs.folder import open_run
from vidgan.runs.sample import Destination, class_number, frame_rate, generate, tiled, write_clip, write_grid
from vidgan.trust.credentials import read_credentials
from vidgan.trust.label import LABEL
from vidgan.trust.mark import Marks
from vidgan.video.read import ClipReader


@pytest.fixture(scope="module")
def run(trained):
    return open_run(trained)


def moving(frames=6, size=16, count=None):
    """A bright bar that goes right; with `count`, clips of different brightness."""
    clips = np.zeros((count or 1, frames, size, size, 3), np.uint8)
    for number, clip in enumerate(clips):
        for time, frame in enumerate(clip):
            frame[:, 2 * time : 2 * time + 3] = 250 - 60 * number
    return clips if count else clips[0]


def test_a_folder_gets_a_file_for_each_clip_and_a_grid(run, tmp_path):
    files = generate(run, Destination.of(tmp_path / "out", None), Silent(), count=5, seed=7)
    assert [it.name for it in files] == [
        "00007-slides.mp4", "00008-falls.mp4", "00009-slides.mp4", "00010-falls.mp4", "00011-slides.mp4", "grid.mp4",
    ]  # fmt: skip
    with ClipReader(files[0]) as clip:
        assert len(list(clip)) == 4
        assert (clip.info.width, clip.info.height) == (32, 32)
    with ClipReader(files[-1]) as clip:
        assert (clip.info.width, clip.info.height) == (3 * 34 + 2, 2 * 34 + 2)


@pytest.mark.parametrize("name", ["grid.mp4", "grid.gif", "grid.png"])
def test_a_file_gets_the_grid_alone(run, tmp_path, name):
    files = generate(run, Destination.of(tmp_path / name, None), Silent(), count=3, class_name="falls")
    assert files == [tmp_path / name]
    assert [it.name for it in tmp_path.iterdir()] == [name]


def test_a_strip_is_read_back_exactly(run, tmp_path):
    out = tmp_path / "strips"
    generate(run, Destination.of(out, "png-strip"), Silent(), count=2, frames=6)
    (out / "grid.png").unlink()
    clips = prepare_clips(out, ClipConfig(size=32, frames=6), tmp_path / "clips", Silent())
    assert np.array_equal(np.stack([clips.clip(0), clips.clip(1)]), run.sample([0, 1], frames=6))


def test_rate_is_the_training_clips_or_a_said_default(run):
    progress = Silent()
    assert run.fps is None  # strips have none
    assert frame_rate(run, progress) == 10
    assert "10 frames/s" in progress.notes[0]


def test_an_mp4_keeps_its_rate(tmp_path):
    write_clip(tmp_path / "a.mp4", moving(), 12.5)
    with ClipReader(tmp_path / "a.mp4") as clip:
        assert clip.info.rate == Fraction(25, 2)
        assert [frame.time for frame in clip] == [Fraction(2 * k, 25) for k in range(6)]


def test_a_gif_keeps_frames_times_and_loops(tmp_path):
    clip = moving()
    write_clip(tmp_path / "a.gif", clip, 12)
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.info["loop"]) == (6, 0)
        delays = []
        for number in range(6):
            image.seek(number)
            delays.append(image.info["duration"])
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - clip[number]).max() < 8
    assert sum(delays) == 500
    assert set(delays) <= {80, 90}


def test_still_frames_of_a_gif_last(tmp_path):
    write_clip(tmp_path / "a.gif", np.full((5, 8, 8, 3), 90, np.uint8), 10)
    with Image.open(tmp_path / "a.gif") as image:
        shown = 0
        for number in range(image.n_frames):
            image.seek(number)
            shown += image.info["duration"]
    assert shown == 500


def test_a_grid_puts_clips_row_by_row():
    clips = moving(count=3)
    grid = tiled(clips, 2)
    assert grid.shape == (6, 2 * 18 + 2, 2 * 18 + 2, 3)
    assert np.array_equal(grid[:, 2:18, 20:36], clips[1])
    assert np.array_equal(grid[:, 20:36, 2:18], clips[2])
    assert (grid[:, 20:36, 20:36] == 24).all()


def test_a_picture_of_a_grid_has_a_row_for_each_clip(tmp_path):
    clips = moving(count=2)
    write_grid(tmp_path / "a.png", clips, 10)
    picture = cv2.imread(str(tmp_path / "a.png"))[..., ::-1]
    assert picture.shape == (2 * 18 + 2, 6 * 18 + 2, 3)
    assert np.array_equal(picture[20:36, 2 + 18 * 4 : 18 + 18 * 4], clips[1, 4])


def test_an_unknown_class_is_said_with_what_was_meant(run):
    assert class_number(run, "slides") == 1
    with pytest.raises(UsageError, match=r"--class slide: .*did you mean slides\?"):
        class_number(run, "slide")
    with pytest.raises(UsageError, match="it knows falls, slides"):
        class_number(run, "zumba")


def test_where_it_goes_is_checked_before_any_work(tmp_path):
    with pytest.raises(UsageError, match=r"is no gif: name it a\.gif"):
        Destination.of(tmp_path / "a.mp4", "gif")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError):
        Destination.of(tmp_path / "file" / "under", None)
    with pytest.raises(OutputError):
        Destination.of(tmp_path / "file", None)


# --- Marks ------------------------------------------------------------------------------------------------------------


def test_all_that_is_made_is_signed_and_all_but_strips_is_watermarked(run, tmp_path):
    plain = generate(run, Destination.of(tmp_path / "plain.mp4", None), Silent(), count=2, marks=Marks(None))
    names = ("a.mp4", "a.gif", "a.png")
    files = [generate(run, Destination.of(tmp_path / name, None), Silent(), count=2)[0] for name in names]
    found = {path.suffix: read_credentials(path) for path in files}
    assert {it.state for it in found.values()} == {"valid"}
    assert found[".png"].number is None
    assert found[".mp4"].number == found[".gif"].number is not None
    assert read_credentials(plain[0]).state == "none"
    with ClipReader(plain[0]) as before, ClipReader(files[0]) as after:
        changes = [int(np.abs(a.rgb.astype(int) - b.rgb).max()) for a, b in zip(before, after, strict=True)]
    assert all(2 <= change < 40 for change in changes)


def test_the_same_command_makes_the_same_pixels(run, tmp_path):
    """Of the clips: x264 codes what is no multiple of 16 pixels wide, as the grid is here, in more than one way."""
    made = [generate(run, Destination.of(tmp_path / name, "mp4"), Silent(), count=2)[:2] for name in ("a", "b")]
    one, other = ([np.stack([frame.rgb for frame in ClipReader(path)]) for path in paths] for paths in made)
    for ours, theirs in zip(one, other, strict=True):
        assert ours.shape[1:] == (32, 32, 3)
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "a.png"])
def test_what_cannot_be_signed_is_not_left_unsigned(run, tmp_path, monkeypatch, name):
    def refuse(self, *args, **run):
        raise TrustError("the keys will not do")

    monkeypatch.setattr(Marks, "sign", refuse)
    (tmp_path / name).write_bytes(b"old")
    with pytest.raises(TrustError):
        generate(run, Destination.of(tmp_path / name, None), Silent(), count=1)
    assert [(it.name, it.read_bytes()) for it in tmp_path.iterdir()] == [(name, b"old")]


def test_credentials_are_titled_by_the_file(run, tmp_path):
    path = generate(run, Destination.of(tmp_path / "a.mp4", None), Silent(), count=1)[0]
    with c2pa.Reader(str(path)) as reader:
        assert reader.get_active_manifest()["title"] == "a.mp4"


@pytest.mark.parametrize(("name", "told"), [("a.mp4", False), ("a.png", True)])
def test_a_label_that_is_not_drawn_on_strips_is_told(run, tmp_path, name, told):
    progress = Silent()
    generate(run, Destination.of(tmp_path / name, None), progress, count=1, marks=Marks(None, LABEL))
    assert any("--label is not drawn" in note for note in progress.notes) is told
