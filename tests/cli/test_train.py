from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.conftest import strips, tiny_config, trained  # noqa: F401 - fixtures
from vidgan.runs import training

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_and_what_it_prints(vidgan, tiny_config, strips, tmp_path):  # noqa: F811
    code, out, err = vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu")
    assert code == 0
    assert dict(line.split(maxsplit=1) for line in out.splitlines())["model"] == str(tmp_path / "run/model.safetensors")
    assert "8 clips" in err
    assert "M parameters in the generator" in err
    code, out, err = vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu")
    assert code == 0
    assert "goes on from step 4" in err


def test_json_ends_with_the_result(vidgan, tiny_config, strips, tmp_path):  # noqa: F811
    code, out, _ = vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu", "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {event["event"] for event in events} >= {"start", "progress", "note", "result"}
    assert events[-1]["steps"] == 4
    assert events[-1]["model"] == str(tmp_path / "run" / "model.safetensors")


def test_quiet_says_nothing(vidgan, tiny_config, strips, tmp_path):  # noqa: F811
    assert vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu", "--quiet") == (0, "", "")


def test_a_dry_run_prints_networks_clips_and_steps(vidgan, tiny_config, strips, tmp_path):  # noqa: F811
    code, out, _ = vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu", "--dry-run")
    assert code == 0
    for name in ("generator image parameters", "critic parameters", "clips classes", "training until"):
        assert name in out
    assert not (tmp_path / "run").exists()
    code, out, _ = vidgan("train", tiny_config, strips, "--device", "cpu", "--dry-run", "--json", "--steps", 9)
    assert json.loads(out)["training"]["until"] == "9 steps"


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["tinny", "CLIPS"], 2, "none called so ships with vidgan: it has generate/small-data"),
        (["CONFIG", "nowhere"], 1, "nowhere: no such folder"),
        (["CONFIG", "CLIPS", "--budget", "1h", "--steps", 3], 2, "give one"),
        (["CONFIG", "CLIPS", "--set", "batsch=4"], 2, "did you mean batch"),
        (["CONFIG", "CLIPS", "--steps", 0], 2, "0 is not in the range"),
        (["CONFIG", "CLIPS", "--devices", 3], 2, "cannot be shared by 3 processes"),
        (["CONFIG"], 2, "Missing argument 'CLIPS'"),
    ],
)
def test_mistakes_are_one_line(vidgan, tiny_config, strips, tmp_path, args, code, says):  # noqa: F811
    places = {"CONFIG": tiny_config, "CLIPS": strips}
    given = [places.get(it, it) for it in args]
    found, out, err = vidgan("train", *given, "-o", tmp_path / "run", "--device", "cpu")
    assert (found, out) == (code, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1 or code == 2


def test_another_run_in_the_folder(vidgan, trained, tiny_config, strips, tmp_path):  # noqa: F811
    run = shutil.copytree(trained, tmp_path / "run")
    code, out, err = vidgan("train", tiny_config, strips, "-o", run, "--device", "cpu", "--seed", 5, "--json")
    assert code == 2
    assert "seed was 0, is 5" in err
    assert json.loads(out.splitlines()[-1])["type"] == "UsageError"


def test_ctrl_c_ends_with_130(vidgan, tiny_config, strips, tmp_path, monkeypatch):  # noqa: F811
    class Interrupting(training.GenerateTask):
        def step(self, step, fraction):
            signal.raise_signal(signal.SIGINT)
            return super().step(step, fraction)

    monkeypatch.setattr(training, "GenerateTask", Interrupting)
    code, _, err = vidgan("train", tiny_config, strips, "-o", tmp_path / "run", "--device", "cpu")
    assert code == 130
    assert "interrupted at step 1; run the same command again to go on" in err


def test_torchrun_starts_it(tiny_config, strips, tmp_path):  # noqa: F811
    """Its environment alone, with one process: several are tested in tests/runs."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1"),
            *("-m", "vidgan.cli.main", "train", str(tiny_config), str(strips), "-o", str(tmp_path / "run")),
            *("--device", "cpu", "--quiet"),
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()
