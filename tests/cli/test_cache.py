from __future__ import annotations

import os
import time

import pytest


@pytest.fixture
def used(vidgan, folder):
    assert vidgan("run", "fake.yaml", "film=film.mp4", "--device", "cpu", "--quiet")[0] == 0
    return vidgan


def entry(folder, instance):
    return next(path for path in (folder / "work").glob(f"{instance}-*"))


def test_ls(used, folder):
    code, out, _ = used("cache", "ls")
    *rows, total = out.splitlines()
    assert code == 0
    assert [row.split()[-2] for row in rows] == ["complete", "complete"]
    assert total.endswith(f"in 2 entries of {folder / 'work'}")


def test_gc_by_age(used, folder):
    old = entry(folder, "first")
    os.utime(old, (time.time() - 100_000,) * 2)
    assert f"would remove  {old.name}" in used("cache", "gc", "--max-age", "1d", "--dry-run")[1]
    assert old.exists()
    used("cache", "gc", "--max-age", "1d")
    assert not old.exists()
    assert entry(folder, "second").exists()


def test_gc_by_size_and_all(used, folder):
    assert "removed" not in used("cache", "gc", "--max-size", "1G")[1]
    assert used("cache", "gc", "--all")[1].count("removed") == 2
    assert used("cache", "ls")[1].split()[0] == "0"


def test_verify(used, folder):
    assert used("cache", "verify")[:2] == (0, "2 entries are as they were written\n")
    damaged = entry(folder, "second")
    (damaged / "steps.txt").write_text("6\n7\n8\n")
    code, out, err = used("cache", "verify")
    assert code == 1
    assert out == f"damaged  {damaged.name}: steps.txt has other content than was written\n"
    assert err == "vidgan: 1 of 2 entries were damaged and are removed; the next run makes them anew\n"
    assert not damaged.exists()
