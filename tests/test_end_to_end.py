"""Every stage after the poses, chained, with the smallest settings, on two stick persons made by code."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.subject.sticks import HEIGHT, WIDTH, background, save_pose, stick_frames, stick_track, write_stick_clip
from vidgan.pose.retarget import RetargetConfig
from vidgan.pose.track import PoseTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.encode import EncodeConfig, EncodeStage
from vidgan.stages.heldout import HeldoutConfig, HeldoutStage
from vidgan.stages.render import RenderConfig, RenderStage
from vidgan.stages.retarget import RetargetStage
from vidgan.stages.subject import SubjectConfig, SubjectStage
from vidgan.stages.train import TrainStage
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.repair import RepairConfig
from vidgan.video.read import ClipReader

REFERENCES = ReferenceConfig(count=2)
SOURCE_PTS = [0, 2, 3, 4, 6, 7, 9, 10, 11, 14, 15, 16]
STAGES = {
    "subject": SubjectStage(SubjectConfig(train_size=32, crop_size=96)),
    "retarget": RetargetStage(RetargetConfig()),
    "train": TrainStage(
        RepairConfig(
            steps=4, evaluations=2, width=8, depth=1, batch=1, rollout=2, adversarial_start=0.3, precision="32-true",
            references=REFERENCES, examples=ExampleConfig(apart=3),
        )
    ),
    "heldout": HeldoutStage(HeldoutConfig(references=REFERENCES)),
    "render": RenderStage(RenderConfig(segment=5, references=REFERENCES)),
    "encode": EncodeStage(EncodeConfig(audio="none", crf=8)),
}  # fmt: skip


class Chain:
    """Runs stages one after the other in folders of their own and keeps what they said."""

    def __init__(self, folder, trained):
        self.folder, self.trained = folder, trained
        self.facts, self.progress = {}, Silent()

    def run(self, name, **inputs):
        folder = self.folder / name
        folder.mkdir()
        self.facts[name] = STAGES[name].run(StageContext(folder, inputs, "cpu", 0, self.progress))
        return folder

    def transfer(self, source, source_pose, target, target_pose):
        subject = self.run("subject", video=target, pose=target_pose)
        motion = self.run("retarget", driving=source_pose, target=subject)
        model = self.run("train", subject=subject) if self.trained else None
        self.run("heldout", subject=subject, model=model)
        frames = self.run("render", subject=subject, motion=motion, model=model)
        return self.run("encode", frames=frames, source=source, target=target) / "output.mp4"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A taller person elsewhere in a larger picture, at uneven times; gone for two frames."""
    folder = tmp_path_factory.mktemp("source")
    track = stick_track(len(SOURCE_PTS), fps=30, size=(160, 192), tall=130, absent=(4, 5), phase=0.4, pts=SOURCE_PTS)
    frames, _ = stick_frames(track, background(160, 192, seed=8))
    return write_stick_clip(folder / "source.mp4", track, frames), save_pose(folder / "pose", track), track


@pytest.fixture(scope="module", params=["draft", "trained"])
def transferred(request, tmp_path_factory, source, stick_clip, stick_pose):
    chain = Chain(tmp_path_factory.mktemp(request.param), request.param == "trained")
    video = chain.transfer(source[0], source[1], stick_clip, stick_pose)
    with ClipReader(video) as reader:
        frames = list(reader)
    return chain, frames


def test_the_video_has_the_sources_times_and_the_targets_size(transferred, source):
    _, frames = transferred
    track = source[2]
    assert [frame.time for frame in frames] == [pts * track.time_base for pts in SOURCE_PTS]
    assert all(frame.rgb.shape == (HEIGHT, WIDTH, 3) for frame in frames)


def test_the_targets_person_shows_the_sources_motion(transferred):
    """Nearer to the picture of the target's person in the wanted pose than to the empty room."""
    chain, frames = transferred
    wanted = PoseTrack.load(chain.folder / "retarget" / "track.npz")
    plate = Subject.load(chain.folder / "subject").plate.astype(float)
    truth, masks = stick_frames(wanted, plate.astype(np.uint8))
    for index, frame in enumerate(frames):
        person = masks[index] > 128
        if not wanted.present[index]:
            assert np.abs(frame.rgb - plate).mean() < 6
            continue
        assert (wanted.image[index, :, 0] > 0).all()
        assert np.abs(frame.rgb - truth[index].astype(float))[person].mean() < np.abs(frame.rgb - plate)[person].mean()
        far = masks[max(0, index - 1) : index + 2].max(0) == 0
        assert np.abs(frame.rgb - plate)[far].mean() < 15


def test_every_stage_leaves_facts_and_files(transferred):
    chain, _ = transferred
    assert json.loads(json.dumps(chain.facts)) == chain.facts
    names = {path.name for path in chain.folder.iterdir()}
    assert names == set(STAGES) - (set() if chain.trained else {"train"})
    files = {
        "subject": ["plate.png", "references.npy", "crops.npy", "frames.npz", "track.npz", "subject.json"],
        "retarget": ["track.npz"],
        "render": ["render.json"],
        "encode": ["output.mp4"],
    }
    if chain.trained:
        files["train"] = ["generator.safetensors", "stats.jsonl", "checkpoint.pt"]
    for stage, expected in files.items():
        for name in expected:
            assert (chain.folder / stage / name).stat().st_size > 0, f"{stage}/{name}"


def test_the_held_out_frames_are_scored_in_every_way(transferred):
    chain, _ = transferred
    table = chain.facts["heldout"]["heldout"]
    assert set(table) == {"nearest pose", "draft"} | ({"trained"} if chain.trained else set())
    assert all(np.isfinite(value) for row in table.values() for value in row.values() if value is not None)


def test_what_may_spoil_the_result_is_said(transferred):
    chain, _ = transferred
    assert chain.facts["render"]["without_person"] == 2
    assert any("2 frames have no driving pose" in warning for warning in chain.progress.warnings)
