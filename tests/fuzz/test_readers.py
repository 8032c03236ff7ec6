from __future__ import annotations

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.readers import READERS, faults


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_or_hostile_file_is_read_or_refused(name, tmp_path):
    assert faults(name, range(40), tmp_path) == []


def test_a_number_makes_the_same_mutation():
    data = bytes(range(256)) * 4
    assert [mutated(data, number) for number in range(50)] == [mutated(data, number) for number in range(50)]
    assert len({mutated(data, number) for number in range(50)}) > 40
