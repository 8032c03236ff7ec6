from __future__ import annotations

import errno
import os
import stat
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import pytest

from tests.video.clips import numbered_frame
from vidgan.errors import OutputError
from vidgan.video.output import check_output, output_error
from vidgan.video.write import ClipWriter


def _line(path, inputs=()):
    with pytest.raises(OutputError) as caught:
        check_output(path, inputs)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source.mp4"
    path.write_bytes(b"film")
    return path


def test_output_equal_to_an_input(source):
    assert "also an input" in _line(source, [source])
    assert "also an input" in _line(source.parent / "." / source.name, [source])


def test_output_equal_to_an_input_through_links(source, tmp_path):
    (tmp_path / "soft.mp4").symlink_to(source)
    os.link(source, tmp_path / "hard.mp4")
    assert "also an input" in _line(tmp_path / "soft.mp4", [source])
    assert "also an input" in _line(tmp_path / "hard.mp4", [source])


def test_output_through_a_linked_folder(source, tmp_path):
    (tmp_path / "folder").symlink_to(tmp_path)
    assert "also an input" in _line(tmp_path / "folder" / "source.mp4", [source])


def test_input_is_untouched(source):
    _line(source, [source])
    assert source.read_bytes() == b"film"


def test_directory(tmp_path):
    assert "is a directory" in _line(tmp_path)


def test_good_output_leaves_no_trace(tmp_path, source):
    check_output(tmp_path / "new" / "out.mp4", [source])
    assert not list((tmp_path / "new").iterdir())


def test_folder_that_is_a_file(source):
    assert "cannot be written" in _line(source / "out.mp4")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a child that gives up its rights")
def test_read_only_folder():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        message = _said_without_rights(lambda: ClipWriter(folder / "out.mp4", 96, 64, Fraction(25)))
    assert "may not be written to" in message


def _said_without_rights(work):
    """The OutputError that `work` raises in a child process that is not root."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            work()
        except OutputError as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as answer:
        return answer.read()


@pytest.mark.parametrize(
    ("code", "said"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "folder may not be written")],
)
def test_reasons_are_plain(code, said):
    message = str(output_error(Path("out.mp4"), OSError(code, os.strerror(code))))
    assert said in message


def test_an_output_folder_that_vanishes(tmp_path):
    path = tmp_path / "gone" / "out.mp4"
    writer = ClipWriter(path, 96, 64, Fraction(25))
    path.parent.rmdir()
    writer.write(numbered_frame(0), Fraction(0))  # the encoder keeps the first frames
    with pytest.raises(OutputError, match="folder does not exist"):
        writer.close()


def test_what_a_killed_run_left_is_removed(tmp_path):
    """And what a running one writes is not."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    left = tmp_path / f".a[b].{ended.pid}.partial.mp4"
    others = [tmp_path / f".a[b].{os.getppid()}.partial.mp4", tmp_path / f".other.{ended.pid}.partial.mp4"]
    for path in (left, *others):
        path.touch()
    check_output(tmp_path / "a[b].mp4", writing=False)
    assert left.exists()
    check_output(tmp_path / "a[b].mp4")
    assert not left.exists()
    assert all(path.exists() for path in others)
