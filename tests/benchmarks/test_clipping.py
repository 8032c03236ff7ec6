"""That the benchmark of singular value clipping compares what it says, on matrices of a few rows."""

from __future__ import annotations

import json

import pytest
import torch
from click.testing import CliRunner

from benchmarks import clipping


def test_the_asked_share_of_singular_values_is_above_one():
    values = torch.linalg.svdvals(clipping.weight_matrix((40, 3, 4, 4, 4), 0.25, "cpu"))
    assert (values > 1).float().mean() == pytest.approx(0.25, abs=0.03)


def test_the_ways_agree_and_the_row_says_how_much():
    row = clipping.compare("small", clipping.weight_matrix((8, 2, 4, 4, 4), 0.5, "cpu"), 1)
    assert row["matrix"] == "8x128"
    assert 0 <= float(row["Gram differs"]) < 1e-6
    assert all(row[f"{way} ms"] > 0 for way in clipping.WAYS)


def test_the_total_sums_times_and_takes_the_worst_difference():
    rows = [
        {"Gram ms": 1.0, "SVD ms": 4.0, "SVD float64 ms": 6.0, "Gram differs": "9.0e-09", "SVD differs": "1.0e-07"},
        {"Gram ms": 1.0, "SVD ms": 8.0, "SVD float64 ms": 6.0, "Gram differs": "1.0e-08", "SVD differs": "5.0e-08"},
    ]
    whole = clipping.total(rows)
    assert (whole["SVD / Gram"], whole["Gram differs"], whole["SVD differs"]) == (6.0, "1.0e-08", "1.0e-07")


def test_the_command_prints_a_table_and_writes_it(tmp_path, monkeypatch):
    monkeypatch.setattr(clipping, "LAYERS", {"tiny": (4, 2, 2, 2, 2)})
    result = CliRunner().invoke(clipping.main, ["--repeats", "1", "--json", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.output
    assert "tiny" in result.output
    assert json.loads((tmp_path / "out.json").read_text())["rows"][-1]["layer"] == "critic"
