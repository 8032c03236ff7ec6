from __future__ import annotations

import json

import pytest

from vidgan import doctor
from vidgan.doctor import Check
from vidgan.errors import DeviceError


def test_doctor_looks_at_everything_the_work_needs():
    found = {check.name: check for check in doctor.checks()}
    assert {"python", "torch", "device", "ffmpeg", "h264", "opencv", "pose", "perceptual", "disk"} <= found.keys()
    assert [check for check in found.values() if check.state == "broken"] == []
    assert "libx264 works" in found["h264"].found
    assert found["device"].found.startswith(("cpu: ", "cuda:0: "))


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("warning", 0), ("broken", 1)])
def test_only_what_is_broken_fails(vidgan, monkeypatch, state, code):
    monkeypatch.setattr(doctor, "checks", lambda: iter([Check("disk", state, "1 GB free", "free some")]))
    assert vidgan("doctor")[0] == code
    assert json.loads(vidgan("doctor", "--json")[1]) == {
        "name": "disk", "state": state, "found": "1 GB free", "do": "free some",
    }  # fmt: skip


def test_two_providers_of_cv2_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "_installed", lambda name: name in ("opencv-python", "opencv-contrib-python"))
    monkeypatch.setattr(doctor, "version", lambda name: "4.11")
    (check,) = doctor._opencv()
    assert check.state == "warning"
    assert "pip uninstall opencv-python, then" in check.advice


@pytest.mark.parametrize(
    ("version", "filtered", "left", "state", "says"),
    [
        (7, True, [], "ok", "may neither write, run programs, open sockets nor touch others (Landlock 7, seccomp)"),
        (0, True, ["write files"], "warning", "may write files (the kernel has no Landlock, seccomp)"),
        (3, False, ["open sockets"], "warning", "may open sockets (Landlock 3, seccomp is refused here)"),
        (7, True, ["open sockets"], "warning", "may open sockets (Landlock 7, seccomp)"),
    ],
)
def test_what_a_decoder_may_still_do_is_said(monkeypatch, version, filtered, left, state, says):
    monkeypatch.setattr("vidgan.video.landlock.landlock_version", lambda: version)
    monkeypatch.setattr("vidgan.video.seccomp.seccomp_there", lambda: filtered)
    monkeypatch.setattr("vidgan.video.rights.rights_left", lambda path: left)
    (check,) = doctor._decoder()
    assert check.state == state
    assert check.found.startswith(says)


@pytest.mark.parametrize(("device", "said"), [("cpu", False), ("cuda:0", True)])
def test_decoders_on_a_gpu_are_said_to_be_free(monkeypatch, device, said):
    monkeypatch.setattr("vidgan.device.choose_device", lambda asked: (device, "so"))
    monkeypatch.setattr("vidgan.video.rights.rights_left", lambda path: [])
    (check,) = doctor._decoder()
    assert ("decodes on the GPU gives up nothing" in check.found) == said


def test_missing_models_are_said(monkeypatch):
    monkeypatch.setattr(doctor, "POSE_MODELS", ("pose_landmark/pose_landmark_heavy.tflite",))
    (check,) = doctor._pose()
    assert check.state == "broken"
    assert "pose_landmark_heavy" in check.found
    assert "mediapipe==0.10.21" in check.advice


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ModuleNotFoundError("No module named 'av'", name="av"), "pip install 'av"),
        (ImportError("libGL.so.1: cannot open shared object file: No such file", name="cv2"), "apt-get install libgl1"),
        (DeviceError("no encoder"), "see the message"),
    ],
)
def test_a_check_that_cannot_be_made_is_a_broken_one(error, says):
    def _video():
        raise error
        yield

    (check,) = doctor._guarded(_video)
    assert (check.name, check.state) == ("video", "broken")
    assert says in f"{check.found} {check.advice}"


def test_an_opencv_without_its_contributed_modules_is_broken(monkeypatch):
    monkeypatch.delattr("cv2.xphoto")
    (check,) = doctor._opencv()
    assert (check.state, check.found.rpartition(", ")[2]) == ("broken", "without cv2.xphoto")
    assert "opencv-contrib-python" in check.advice
