from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.report.made import report_data
from vidgan.report.data import SCHEMA_VERSION, ReportData, plain_facts, printable


def test_data_comes_back_from_its_file(tmp_path):
    report_data().write(tmp_path / "report.json")
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    assert ReportData.model_validate_json(text) == report_data()
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION == 1


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_name_can_be_written_and_shown(name):
    shown = printable(name)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert len(shown) == len(name)
    assert not any(mark in shown for mark in "\n\r\x00\x1b\u202e\u2066")


def test_ordinary_names_stay_as_they_are():
    for name in ("dance 2 (final).mp4", "Tänzerin.mov", "舞蹈.mp4", "a&b<c>.mp4"):
        assert printable(name) == name


def test_facts_become_lines():
    facts = {"scale": 0.123456, "place": [1.5, 2], "limbs": {"upper_arm": 0.9}, "long": list(range(50)), "none": None}
    assert plain_facts(facts) == {"scale": 0.1235, "place": [1.5, 2], "limbs.upper_arm": 0.9, "none": None}
