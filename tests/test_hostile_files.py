"""Files that somebody made to do harm are refused with one of our errors, and nothing in them is ever run."""

from __future__ import annotations

import ast
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch

from vidgan.errors import ConfigError, LimitError, TrainingError, VidganError
from vidgan.face.motion import FaceMotion
from vidgan.pose.precomputed import load_people
from vidgan.runs.folder import open_run
from vidgan.stages.encode import RenderedFrames
from vidgan.train.checkpoint import load_checkpoint, read_network, save_network
from vidgan.video.limits import MediaLimits, limited

ROOT = Path(__file__).resolve().parents[1]


class Harm:
    """What a pickle runs when it is loaded: it makes a file."""

    def __init__(self, trace):
        self.trace = str(trace)

    def __reduce__(self):
        return os.mkdir, (self.trace,)


@pytest.fixture
def trace(tmp_path):
    """A folder that comes into being only when harm is done."""
    path = tmp_path / "harmed"
    yield path
    assert not path.exists()


def npz(path, **members):
    """An npz with the given bytes as its arrays."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def object_array(harm):
    """An npy of one Python object."""
    buffer = BytesIO()
    np.save(buffer, np.array([harm], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def test_harm_is_harmful(tmp_path):
    """Otherwise the tests below would prove nothing."""
    pickle.loads(pickle.dumps(Harm(tmp_path / "done")))
    assert (tmp_path / "done").is_dir()


def test_a_checkpoint_that_runs_code_is_refused(tmp_path, trace):
    torch.save({"step": 1, "network": Harm(trace)}, tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="damaged"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_a_bare_pickle_as_checkpoint_is_refused(tmp_path, trace):
    (tmp_path / "checkpoint.pt").write_bytes(pickle.dumps({"step": Harm(trace)}))
    with pytest.raises(TrainingError, match="damaged"):
        load_checkpoint(tmp_path / "checkpoint.pt")


@pytest.mark.parametrize("member", ["meta", "image", "pts"])
def test_a_track_that_runs_code_is_refused(tmp_path, trace, member):
    with pytest.raises(ConfigError, match="not a track"):
        load_people(npz(tmp_path / "track.npz", **{member: object_array(Harm(trace))}))


def header(content, length=None):
    """A safetensors file with a header."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        struct.pack("<Q", 2**63),
        header({}, 2**40),
        header(b"[" * 100_000),
        header({"a": {"dtype": "F32", "shape": [2**31, 2**31], "data_offsets": [0, 2**62]}}),
        header({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}) + b"1234",
        header({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}) + b"1234",
        header({"__metadata__": {"facts": "{" * 1000}}),
        header({"__metadata__": {"facts": "[" * 100_000}}),
        header({"__metadata__": {"facts": "[]"}}),
        header({"__metadata__": {"facts": '{"format": 1, "vidgan": "0", "generator": {"kind": "__import__"}}'}}),
    ],
    ids=["empty", "huge", "long", "deep", "large", "negative", "backwards", "facts", "nested", "list", "unknown"],
)
def test_a_network_file_with_a_hostile_header_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(TrainingError):
        open_run(path)


def test_weights_of_other_shapes_are_refused(tmp_path):
    save_network(tmp_path / "model.safetensors", torch.nn.Linear(2, 2), {"facts": 1})
    weights, facts = read_network(tmp_path / "model.safetensors")
    assert facts == {"facts": 1}
    assert weights["weight"].shape == (2, 2)
    with pytest.raises(TrainingError, match="not from `vidgan train`"):
        open_run(tmp_path / "model.safetensors")


def test_a_configuration_cannot_build_objects(tmp_path, trace):
    from vidgan.config import read_file

    (tmp_path / "a.yaml").write_text(f"x: !!python/object/apply:os.mkdir ['{trace}']\n")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_file(tmp_path / "a.yaml")


def zeros(path, name, megabytes):
    """An npz of one array of zeros, which packs a thousand to one."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open(f"{name}.npy", "w") as member:
        for _ in range(megabytes):
            member.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize("read", [load_people, FaceMotion.load])
def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path, read):
    path = zeros(tmp_path / "a.npz", "image", 64)
    assert path.stat().st_size < 1 << 17
    with limited(MediaLimits(max_memory=1 / 32)), pytest.raises(LimitError, match=r"media\.max_memory"):
        read(path)


def test_pictures_that_unpack_to_too_many_are_not_unpacked(tmp_path):
    path = zeros(tmp_path / "a.npz", "pictures", 4)
    with limited(MediaLimits(max_frames=10)), pytest.raises(LimitError, match=r"media\.max_frames"):
        FaceMotion.load(path, tmp_path)
    assert not (tmp_path / "pictures.npy").exists()


def test_names_in_an_index_stay_in_its_folder(tmp_path):
    index = {"width": 2, "height": 2, "rate": "25", "time_base": "1/25", "pts": [0, 1]}
    index["segments"] = ["../../etc/passwd", "/etc/shadow"]
    (tmp_path / "render.json").write_text(json.dumps(index))
    assert RenderedFrames.load(tmp_path).segments == [tmp_path / "passwd", tmp_path / "shadow"]


UNPICKLERS = {"pickle", "shelve", "marshal", "dill", "joblib", "cloudpickle"}
ALLOWED_LOADS = {"allow_pickle": False, "weights_only": True}
"""Of np.load and torch.load: the argument that must be written out, and its value."""


def loading(tree):
    """The calls in a module that could run what a file says, each as a line number and what it is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if {name.split(".")[0] for name in names} & UNPICKLERS:
                yield node.lineno, "imports a module that unpickles"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {it.arg: it.value.value for it in node.keywords if isinstance(it.value, ast.Constant)}
        if called in ("eval", "exec", "yaml.load", "yaml.unsafe_load", "os.system") or given.get("shell") is True:
            yield node.lineno, called
        if called in ("np.load", "torch.load") and not any(given.get(k) is v for k, v in ALLOWED_LOADS.items()):
            yield node.lineno, f"{called} without allow_pickle=False or weights_only=True"


def test_no_module_unpickles_or_evaluates():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in sorted((ROOT / "vidgan").rglob("*.py"))
        for line, what in loading(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from joblib import load", "eval(x)", "np.load(p)", "torch.load(p, weights_only=False)",
     "yaml.load(x)", "subprocess.run(c, shell=True)"],
)  # fmt: skip
def test_the_search_sees_what_it_looks_for(line):
    assert list(loading(ast.parse(line)))


# --- No network -------------------------------------------------------------------------------------------------------

_JOB = """
import json, sys
from vidgan.cli.main import _exit_code
sys.exit(max(_exit_code(command) for command in json.loads(sys.argv[1])))
"""


def without_network(*commands, **environment):
    """Run commands in a network namespace that is empty; skips where the system does not let us make one."""
    unshare = ["unshare", "--map-root-user", "--net"]
    try:
        possible = subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        possible = False
    if not possible:
        pytest.skip("no network namespace can be made here")
    job = [*unshare, sys.executable, "-c", _JOB, json.dumps([[str(it) for it in command] for command in commands])]
    return subprocess.run(
        job, capture_output=True, text=True, check=False, env={**os.environ, **environment}, cwd=ROOT, timeout=280
    )


def first_frames(path, to, count=8):
    from fractions import Fraction
    from itertools import islice

    from vidgan.video.read import ClipReader
    from vidgan.video.write import ClipWriter

    with ClipReader(path, max_side=192) as clip, ClipWriter(to, clip.width, clip.height, Fraction(25)) as writer:
        for number, frame in enumerate(islice(clip, count)):
            writer.write(frame.rgb, Fraction(number, 25))
    return to


def test_the_main_job_and_its_check_need_no_network(tmp_path):
    source, target = (
        first_frames(ROOT / "samples" / f"{name}.mp4", tmp_path / f"{name}.mp4") for name in ("source", "target")
    )
    settings = ("--set", "report.frames=4", "--set", "report.stills=1", "--set", "report.clip_seconds=0")
    keys = {"VIDGAN_TRUST": str(tmp_path / "keys"), "VIDGAN_WORK": str(tmp_path / "work")}
    out = tmp_path / "out.mp4"
    transfer = ("transfer", source, target, "-o", out, "--quality", "draft", "--quiet", *settings)
    verify = ("verify", out, "--trust", tmp_path / "keys" / "root.pem", "--json")
    done = without_network(transfer, verify, **keys)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["credentials"]["state"] == "trusted"


def test_an_error_of_ours_is_what_a_user_meets(tmp_path):
    (tmp_path / "track.npz").write_bytes(b"PK\x03\x04" + os.urandom(100))
    with pytest.raises(VidganError):
        load_people(tmp_path / "track.npz")
