"""A GPU gives what a CPU gives. Skipped where there is none; there all other tests, too, run on it (device "auto")."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.subject.sticks import stick_subject
from vidgan.nets.repair import RepairGenerator
from vidgan.pose.rasterise import MAPS
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.reconstruct import Painter
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.engine import launch
from vidgan.video.read import ClipReader

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU is there")

CONFIG = ReferenceConfig(count=2)
DEVICES = ("cpu", "cuda")


@pytest.fixture(scope="module")
def subject():
    return stick_subject(40)


@pytest.mark.parametrize("trained", [False, True])
def test_the_same_pictures(subject, trained):
    torch.manual_seed(0)
    made = RepairGenerator(MAPS, CONFIG.count + 1, width=8, depth=1).eval()
    pictures = []
    for device in DEVICES:
        painter = Painter(subject, made.to(device) if trained else None, CONFIG, device)
        found = painter.reconstruct(np.arange(20), np.arange(24, 34))
        pictures.append(np.stack([one.picture for one in found]).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.5


def test_the_same_first_step(subject):
    config = RepairConfig(
        steps=4, width=8, depth=1, batch=2, precision="32-true", adversarial_start=0.0, references=CONFIG
    )
    values = []
    for device in DEVICES:
        footage = BodyFootage(subject, 0.2, CONFIG, ExampleConfig(apart=3), device)
        task = RepairTask(footage, config, launch(device, "32-true"), 0)
        values.append(task.step(0, 0.9))
        assert {one.device.type for one in vars(task.footage.draw(task.starts[:2], 3, torch.Generator())).values()} == {
            device
        }
    assert values[0] == pytest.approx(values[1], rel=0.02, abs=1e-3)


def test_a_step_is_larger_and_its_state_goes_on_on_a_cpu(subject):
    config = RepairConfig(steps=4, width=8, depth=1, references=CONFIG)
    tasks = [
        RepairTask(
            BodyFootage(subject, 0.2, CONFIG, ExampleConfig(apart=3), device), config, launch(device, "32-true"), 0
        )
        for device in DEVICES
    ]
    cpu, gpu = tasks
    assert (cpu.batch, gpu.batch) == (2, 8)
    gpu.step(0, 0.9)
    cpu.load_state(gpu.state())
    assert np.isfinite(list(cpu.step(1, 0.9).values())).all()


def test_the_same_frames_are_decoded(plain_clip):
    found = []
    for device in DEVICES:
        with ClipReader(plain_clip, device=device) as clip:
            found.append([frame.rgb.astype(int) for frame in clip])
            told = clip.notes
    assert any("NVDEC" in note for note in told)  # that it decoded, or why not
    assert len(found[0]) == len(found[1])
    assert max(np.abs(one - other).mean() for one, other in zip(*found, strict=True)) < 1
