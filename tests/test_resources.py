from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from vidgan import resources
from vidgan.errors import UsageError

ROOT = Path(__file__).parents[1]


def test_a_shipped_file_is_found_by_its_name_or_its_path():
    shipped = resources.shipped("pipelines")["transfer"]
    for name in ("transfer", "transfer.yaml", "pipelines/transfer.yaml"):
        assert resources.find("pipelines", name) == shipped


def test_a_file_of_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("transfer").touch()
    assert resources.find("pipelines", "transfer") == Path("transfer")


def test_what_is_not_there_is_one_line():
    with pytest.raises(UsageError, match=r"no file sing.yaml and none called so ships with vidgan: it has .*transfer"):
        resources.find("pipelines", "sing.yaml")


def test_the_wheel_takes_every_data_file_along():
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["vidgan"]
    packed = {path for pattern in patterns for path in (ROOT / "vidgan").glob(pattern)}
    data = {path for path in (ROOT / "vidgan").rglob("*") if path.suffix not in (".py", ".pyc") and path.is_file()}
    assert data <= packed
