from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def owner(temporary, then="os.read(0, 1)"):
    """A process and its room."""
    code = f"import os; from vidgan.video.room import room; print(room(os.getpid()), flush=True); {then}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], env=environment, **pipes) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_one_that_lives_has_stays(tmp_path):
    with owner(tmp_path) as (_, living):
        with owner(tmp_path) as (process, left):
            (left / "written").write_text("half")
            process.kill()
            process.wait()
        assert left.is_dir()
        with owner(tmp_path) as (_, third):
            assert sorted(tmp_path.iterdir()) == sorted([living, third])


def test_it_is_used_as_long_as_a_child_of_its_owner_lives(tmp_path):
    with owner(tmp_path, "os.fork() and os._exit(0); os.read(0, 1)") as (process, forked):
        process.wait()
        with owner(tmp_path):
            assert forked.is_dir()
        process.stdin.close()


def test_other_folders_and_links_stay(tmp_path):
    for name in ("elsewhere", "vidgan-of-mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kept").touch()
    (tmp_path / "vidgan-decoder-link").symlink_to(tmp_path / "elsewhere")
    with owner(tmp_path):
        assert (tmp_path / "elsewhere" / "kept").exists()
        assert (tmp_path / "vidgan-of-mine" / "kept").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_folder_stays(tmp_path):
    (tmp_path / "vidgan-decoder-theirs").mkdir()
    os.chown(tmp_path / "vidgan-decoder-theirs", 12345, 12345)
    with owner(tmp_path):
        assert (tmp_path / "vidgan-decoder-theirs").exists()
