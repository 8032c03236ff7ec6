from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from vidgan.cli.main import COMMANDS, cli

HEAVY = ("torch", "torchvision", "cv2", "av", "mediapipe", "numpy", "pydantic", "yaml")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_is_light(command):
    code = (
        "import sys, json\n"
        "from vidgan.cli.main import _exit_code\n"
        "code = _exit_code(sys.argv[1:])\n"
        "print(json.dumps([code, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, check=True)
    *text, last = done.stdout.splitlines()
    exit_code, modules = json.loads(last)
    assert exit_code == 0
    assert text[0].startswith(f"Usage: vidgan {' '.join(command)}".rstrip())
    assert not set(HEAVY) & set(modules)


def test_every_command_has_a_short_help(vidgan):
    code, out, _ = vidgan("--help")
    assert code == 0
    for name in COMMANDS:
        line = next(line for line in out.splitlines() if line.startswith(f"  {name} "))
        assert len(line.split()) > 2


def test_every_option_is_explained():
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        groups = command.commands.values() if isinstance(command, click.Group) else [command]
        for inner in groups:
            unexplained = [it.name for it in inner.params if isinstance(it, click.Option) and not it.help]
            assert unexplained == []


def test_a_folder_that_is_gone_is_one_line(vidgan, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, _, said = vidgan("inspect", tmp_path / "a.mp4")
    assert (code, said) == (1, "vidgan: the folder that vidgan was started in is gone: change to another\n")


def test_version(vidgan):
    import vidgan as package

    assert vidgan("--version") == (0, f"vidgan, version {package.__version__}\n", "")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["transfre"], "No such command 'transfre'"),
        (["transfer"], "Missing argument 'SOURCE'"),
        (["transfer", "a.mp4", "b.mp4", "--quality", "best"], "'best' is not one of 'draft', 'standard', 'high'"),
        (["transfer", "a.mp4", "b.mp4", "--size", "3"], "3 is not in the range"),
        (["run", "transfer", "a.mp4"], "inputs are given as NAME=FILE, not 'a.mp4'"),
        (["cache", "gc"], "say what goes"),
        (["cache", "gc", "--max-age", "soon"], "'soon' is no age: write it as 12h or 7d"),
    ],
)
def test_wrong_usage_ends_with_2(vidgan, folder, args, says):
    code, out, err = vidgan(*args)
    assert (code, out) == (2, "")
    assert says in err


def test_the_api_is_at_the_top_and_light():
    code = "import sys, vidgan; print(sorted({'torch', 'pydantic', 'numpy'} & set(sys.modules))); vidgan.transfer"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_an_unknown_name_of_the_package():
    import vidgan

    with pytest.raises(AttributeError, match="has no attribute 'transfre'"):
        vidgan.transfre
