from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.errors import CacheError
from vidgan.stages import manifest as manifests
from vidgan.stages import store as stores
from vidgan.stages.cleaning import Listed, choose, listing, remove, verify
from vidgan.stages.manifest import MANIFEST, stable_hash
from vidgan.stages.store import Entry, Store, default_work


def test_work_folder_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("VIDGAN_WORK", str(tmp_path))
    assert default_work() == tmp_path
    monkeypatch.delenv("VIDGAN_WORK")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ann")
    assert str(default_work()) == "/home/ann/.cache/vidgan/work"


def test_a_work_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match="cannot write the work folder .*Not a directory; choose another with --work"):
        Store(tmp_path / "file" / "work")


def test_a_read_only_work_folder_is_one_line(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(stores, "TemporaryFile", refuse)  # root may write everywhere
    with pytest.raises(CacheError, match="cannot write .*Permission denied"):
        Store(tmp_path)


def test_a_large_file_is_read_once(tmp_path, monkeypatch):
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    os.utime(film, (1000, 1000))
    store = Store(tmp_path / "work")
    digest = store.digest(film)
    monkeypatch.setattr(stores, "file_digest", lambda path: pytest.fail("read again"))
    assert store.digest(film) == digest


def test_a_file_changed_in_place_gets_another_digest(tmp_path):
    film = tmp_path / "film.mp4"
    store = Store(tmp_path / "work")
    film.write_bytes(b"one")
    before = store.digest(film)
    film.write_bytes(b"two")  # perhaps within one tick of the file system's clock
    assert store.digest(film) != before


def test_a_damaged_digest_file_is_forgotten(tmp_path):
    store = Store(tmp_path / "work")
    (tmp_path / "work" / "digests.json").write_text("{")
    film = tmp_path / "film.mp4"
    film.write_bytes(b"film")
    assert store.digest(film) == manifests.file_digest(film)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.floats(allow_nan=False)))
def test_the_hash_does_not_depend_on_the_order(value):
    assert stable_hash(dict(reversed(value.items()))) == stable_hash(value)


def test_foreign_files_in_the_work_folder_are_no_entries(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "holiday-pictures").mkdir()
    (tmp_path / "train-0123456789ab.partial").mkdir()
    assert [entry.name for entry in store.entries()] == ["train-0123456789ab"]


def test_lock_is_given_to_one(tmp_path):
    store = Store(tmp_path)
    entry = store.entry("train", "a" * 64)
    with store.lock(entry), store.try_lock(entry) as free:
        assert not free
    with store.try_lock(entry) as free:
        assert free


def test_list_shows_what_is_finished_and_what_is_not(bench):
    bench.fault("second", 1, "fail")
    with pytest.raises(Exception, match="nobody"):
        bench.run()
    assert {it.entry.instance: it.state for it in listing(bench.store)} == {"first": "complete", "second": "partial"}


def test_verify_finds_a_flipped_bit_and_the_next_run_mends_it(bench):
    done = bench.run()
    path = bench.store.entry("second", done["second"].key).dir / "steps.txt"
    path.write_text("0\n1\n3\n")
    found = {entry.instance: damage for entry, damage in verify(bench.store)}
    assert found == {"first": [], "second": ["steps.txt has other content than was written"], "third": []}
    assert bench.actions()["second"] == "run"
    bench.run()
    assert all(not damage for _, damage in verify(bench.store))


def test_verify_removes_what_has_no_readable_manifest(bench):
    done = bench.run()
    (bench.store.entry("first", done["first"].key).dir / MANIFEST).write_text("{}")
    assert {entry.instance: damage for entry, damage in verify(bench.store)}["first"] == ["its manifest cannot be read"]
    assert bench.actions()["first"] == "run"


def entries(*ages_and_sizes):
    return [Listed(Entry(None, f"stage{n}", "0" * 64), size, age, True) for n, (age, size) in enumerate(ages_and_sizes)]


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ({"everything": True}, {"stage0", "stage1", "stage2"}),
        ({"max_age": 5}, {"stage1", "stage2"}),
        ({"max_bytes": 25}, {"stage2"}),
        ({"max_bytes": 0}, {"stage0", "stage1", "stage2"}),
        ({"max_bytes": 15, "max_age": 60}, {"stage1", "stage2"}),
        ({}, set()),
    ],
)
def test_what_is_removed(rule, gone):
    found = entries((1, 10), (10, 10), (100, 10))
    going = choose(found, **{"max_age": None, "max_bytes": None, "everything": False} | rule)
    assert {it.entry.instance for it in going} == gone


def test_what_is_in_use_is_never_removed(bench):
    done = bench.run()
    used = bench.store.entry("first", done["first"].key)
    with bench.store.lock(used):
        gone = {it.entry.instance: free for it, free in remove(bench.store, listing(bench.store))}
    assert gone == {"first": False, "second": True, "third": True}
    assert [entry.name for entry in bench.store.entries()] == [used.name]


def test_a_dry_run_removes_nothing(bench):
    bench.run()
    assert len(list(remove(bench.store, listing(bench.store), dry_run=True))) == 3
    assert len(bench.store.entries()) == 3


def test_a_new_work_folder_is_its_owners_alone(tmp_path):
    assert Store(tmp_path / "work").root.stat().st_mode & 0o077 == 0


def test_a_store_that_is_only_looked_at_makes_nothing(tmp_path):
    store = Store(tmp_path / "work", writing=False)
    assert store.entries() == []
    (tmp_path / "film").write_bytes(b"film")
    os.utime(tmp_path / "film", (0, 0))
    assert store.digest(tmp_path / "film") == Store(tmp_path / "other").digest(tmp_path / "film")
    assert not (tmp_path / "work").exists()
