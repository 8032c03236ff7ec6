"""What is taken for a clip."""

from __future__ import annotations

import io
import os
import tarfile

import numpy as np
import pytest
from PIL import Image

from tests.clips.made import frame_folder, plain_frame, plain_frames, strip, video
from vidgan.clips.config import ClipConfig
from vidgan.clips.find import Found, find_footage, read_archive
from vidgan.errors import MediaError
from vidgan.video.limits import MediaLimits


def find(source, **settings):
    found = find_footage(source, ClipConfig(**settings), MediaLimits())
    return [(each.name, each.kind, len(each.files)) for each in found.footage], dict(found.skipped)


def test_videos_in_folders_in_natural_order(tmp_path):
    for name in ("walk/10.mp4", "walk/9.MP4", "run/1.avi"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "notes.txt").touch()
    assert find(tmp_path)[0] == [("run/1.avi", "video", 1), ("walk/9.MP4", "video", 1), ("walk/10.mp4", "video", 1)]


def test_long_pictures_are_strips_even_when_numbered(tmp_path):
    for number in range(3):
        strip(tmp_path / f"{number}.png", plain_frames(6))
        strip(tmp_path / f"high_{number}.png", plain_frames(6), vertical=True)
    found, skipped = find(tmp_path)
    assert len(found) == 6
    assert {kind for _, kind, _ in found} == {"picture"}
    assert not skipped


def test_numbered_pictures_are_a_frame_folder(tmp_path):
    frame_folder(tmp_path / "walk" / "one", plain_frames(11, 16, 32), "{}.png")
    frame_folder(tmp_path / "walk" / "two", plain_frames(5), "frame-{}.jpg")
    assert find(tmp_path)[0] == [("walk/one", "frames", 11), ("walk/two", "frames", 5)]
    files = find_footage(tmp_path, ClipConfig(), MediaLimits()).footage[0].files
    assert [file.stem for file in files] == [str(k) for k in range(11)]


def test_several_sequences_in_one_folder(tmp_path):
    frame_folder(tmp_path / "walk", plain_frames(4), "ann_{:02}.png")
    frame_folder(tmp_path / "walk", plain_frames(6), "bob_{:02}.png")
    assert find(tmp_path)[0] == [("walk/ann", "frames", 4), ("walk/bob", "frames", 6)]


def test_the_source_itself_may_be_a_frame_folder(tmp_path):
    frame_folder(tmp_path / "dance", plain_frames(4))
    assert find(tmp_path / "dance")[0] == [("dance", "frames", 4)]


def test_a_damaged_picture_does_not_change_what_a_folder_is(tmp_path):
    for number in range(6):
        strip(tmp_path / f"{number}.png", plain_frames(6))
    (tmp_path / "0.png").write_bytes(b"broken")
    assert {kind for _, kind, _ in find(tmp_path)[0]} == {"picture"}


def test_the_length_of_a_frame_makes_short_strips(tmp_path):
    strip(tmp_path / "a.png", plain_frames(3, 16, 8))
    assert find(tmp_path)[0] == []
    assert find(tmp_path, strip=8)[0] == [("a.png", "picture", 1)]


def test_a_single_picture_is_no_clip(tmp_path):
    Image.fromarray(plain_frame(0)).save(tmp_path / "cover.png")
    (tmp_path / "bad.png").write_bytes(b"broken")
    found, skipped = find(tmp_path)
    assert found == []
    assert "single picture of 16x16" in skipped["cover.png"]
    assert "not a picture" in skipped["bad.png"]


def test_animations_are_clips(tmp_path):
    first, *rest = [Image.fromarray(frame) for frame in plain_frames(5)]
    for number in range(3):
        first.save(tmp_path / f"{number}.gif", save_all=True, append_images=rest)
    assert [kind for _, kind, _ in find(tmp_path)[0]] == ["picture"] * 3


def test_hidden_files_runs_and_pipes_are_passed_over(tmp_path):
    for name in (".hidden.mp4", "._a.mp4", ".git/a.mp4", "__MACOSX/a.mp4", "run/run.json", "run/out.mp4", "a.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    assert find(tmp_path)[0] == [("a.mp4", "video", 1)]


def test_links_are_followed_but_not_in_circles(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").touch()
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "walk").symlink_to(tmp_path / "real")
    (tmp_path / "clips" / "again").symlink_to(tmp_path / "clips")
    (tmp_path / "clips" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert find(tmp_path / "clips")[0] == [("walk/a.mp4", "video", 1)]


def test_names_that_are_no_text(tmp_path):
    (tmp_path / os.fsdecode(b"a\xff\n.mp4")).touch()
    assert find(tmp_path)[0] == [("a\\xff\\n.mp4", "video", 1)]


def archive(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                file.addfile(info)
            else:
                info.size = len(content)
                file.addfile(info, io.BytesIO(content))
    return path


def png_strip(count=6):
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(plain_frames(count), 1)).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_archive_is_read_without_unpacking(tmp_path):
    members = {
        "data/0/b.png": png_strip(),
        "../../evil.png": png_strip(),
        "/etc/evil.png": png_strip(),
        "data/1/link.png": "/etc/passwd",
        "data/readme.txt": b"hello",
    }
    found = Found()
    footage = list(read_archive(archive(tmp_path / "a.tar.gz", members), found))
    assert [each.name for each in footage] == ["data/0/b.png", "../../evil.png", "etc/evil.png"]
    assert all(isinstance(file, bytes) for each in footage for file in each.files)
    assert found.others == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_a_cut_archive_gives_what_came_before(tmp_path, mode):
    noise = np.random.default_rng(0).bytes(100_000)  # hardly gets smaller, so that the cut falls into the second
    path = archive(tmp_path / "a.tar", {f"{k}.png": noise for k in range(4)}, mode)
    data = path.read_bytes()
    path.write_bytes(data[: 150_000 if len(data) > 300_000 else len(data) // 2])
    found = Found()
    assert len(list(read_archive(path, found))) < 4
    assert "damaged after" in found.skipped[0][1]


@pytest.mark.parametrize("size", [-1024, 1 << 80])
def test_an_archive_with_an_impossible_size_ends_there(tmp_path, size):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as file:
        good = tarfile.TarInfo("good.png")
        good.size = len(png_strip())
        file.addfile(good, io.BytesIO(png_strip()))
        bad = tarfile.TarInfo("bad.txt")
        bad.size = size
        file.addfile(bad)
    found = Found()
    assert [each.name for each in read_archive(path, found)] == ["good.png"]
    assert "damaged after" in found.skipped[0][1]


def test_an_archive_with_a_damaged_header_ends_there(tmp_path):
    path = archive(tmp_path / "a.tar", {f"{name}.png": png_strip() for name in "abc"}, "w")
    data = bytearray(path.read_bytes())
    data[data.index(b"b.png") + 150] ^= 0xFF  # its checksum
    path.write_bytes(data)
    found = Found()
    assert [each.name for each in read_archive(path, found)] == ["a.png"]
    assert "damaged after its entry 1" in found.skipped[0][1]


def test_a_whole_archive_is_not_damaged(tmp_path):
    found = Found()
    assert len(list(read_archive(archive(tmp_path / "a.tar.gz", {"a.png": png_strip()}), found))) == 1
    assert found.skipped == []


def test_no_archive(tmp_path):
    path = video(tmp_path / "a.mp4", plain_frames(3))
    with pytest.raises(MediaError, match="neither a folder nor a readable tar archive"):
        list(read_archive(path, Found()))
