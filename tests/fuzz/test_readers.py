from __future__ import annotations

import time

import pytest

from tests.fuzz import readers
from tests.fuzz.mutate import mutated
from tests.fuzz.readers import READERS, faults
from vidgan.errors import VidganError


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_or_hostile_file_is_read_or_refused(name, tmp_path):
    assert faults(name, range(40), tmp_path) == []


def test_a_reader_that_hangs_is_a_fault_even_if_it_swallows_every_error(tmp_path, monkeypatch):
    def hang(path):
        while path.read_bytes() != b"good":
            try:
                time.sleep(0.01)
            except Exception as error:
                raise VidganError("swallowed") from error

    monkeypatch.setitem(READERS, "hanging", ("a", lambda path: path.write_bytes(b"good"), hang))
    monkeypatch.setattr(readers, "LIMIT", 1)
    assert "longer than 1 s" in faults("hanging", range(1), tmp_path)[0]


def test_a_number_makes_the_same_mutation():
    data = bytes(range(256)) * 4
    assert [mutated(data, number) for number in range(50)] == [mutated(data, number) for number in range(50)]
    assert len({mutated(data, number) for number in range(50)}) > 40
