"""That the benchmarks measure what they say, on things small enough to know the answer; nothing is trained."""

import json
import time
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import clock, common, heldout, memory, mending, retarget, speed, transfer, truth, watermark
from tests.metrics.people import standing_track
from tests.subject.sticks import stick_subject
from vidgan import resources
from vidgan.config import check_layer, read_layers
from vidgan.pose.track import JOINT
from vidgan.stages.pipeline import read_pipeline, settings_model
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, Picture
from vidgan.subject.references import ReferenceConfig
from vidgan.video.read import ClipReader


@pytest.mark.parametrize("module", [transfer, heldout, speed, memory, mending, retarget, watermark])
def test_help_says_the_options(module):
    result = CliRunner().invoke(module.main, ["--help"])
    assert result.exit_code == 0
    assert "--json" in result.output


def test_every_module_says_its_command():
    for module in (transfer, heldout, speed, memory, mending, retarget, watermark):
        assert f"python -m {module.__name__}" in module.__doc__


# --- shared -----------------------------------------------------------------------------------------------------------


def test_a_part_of_the_pipeline_holds_what_it_needs_and_no_more(tmp_path):
    part = read_pipeline(common.part_of("transfer", ["heldout"], tmp_path))
    assert [stage.name for stage in part.stages] == ["target_pose", "subject", "train", "heldout"]
    assert part.inputs == ["target"]


def test_a_part_may_take_another_class_with_the_same_settings(tmp_path):
    part = read_pipeline(common.part_of("transfer", ["retarget"], tmp_path, {"retarget": "some.module:Class"}))
    stage = next(stage for stage in part.stages if stage.name == "retarget")
    assert (stage.stage, stage.section) == ("some.module:Class", "retarget")


@pytest.mark.parametrize("pipeline", ["transfer", "reanimate", "dub"])
@pytest.mark.parametrize("preset", ["standard", "high"])
def test_a_part_of_a_pipeline_takes_its_presets(tmp_path, pipeline, preset):
    part = read_pipeline(common.part_of(pipeline, ["heldout"], tmp_path))
    layer = read_layers([resources.find("configs", f"{pipeline}/{preset}")])
    assert check_layer(settings_model(part), layer).model_dump()["train"]["enabled"]


def test_markdown_keeps_columns_apart_and_marks_what_is_missing():
    text = common.markdown(
        [{"method": "draft", "ssim": 0.5}, {"method": "long name", "ssim": None, "x": 1}], {"ssim": 3}
    )
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert [cell.strip() for cell in lines[2].split("|")[1:-1]] == ["draft", "0.500", "-"]
    assert [cell.strip() for cell in lines[3].split("|")[1:-1]] == ["long name", "-", "1"]


def test_means_are_over_the_rows_that_have_the_value():
    rows = [{"m": "a", "v": 1.0}, {"m": "b", "v": 5.0}, {"m": "a", "v": 3.0, "w": 2}, {"m": "b", "v": None}]
    assert common.mean_rows(rows, "m") == [{"m": "a", "v": 2.0, "w": 2.0}, {"m": "b", "v": 5.0}]


def test_pose_stages_count_once_as_they_run_beside_each_other():
    def stage(seconds, memory_mb):
        return SimpleNamespace(manifest=SimpleNamespace(seconds=seconds, memory_mb=memory_mb))

    stages = {
        "source_pose": stage(4, 100),
        "target_pose": stage(9, 200),
        "subject": stage(2, 700),
        "render": stage(1, 50),
    }
    assert common.total_seconds(stages) == 12
    assert common.peak_memory(stages) == 700


def test_results_are_written_as_json(tmp_path, capsys):
    common.finish("title", [{"a": 1.25}], {"a": 1}, tmp_path / "new" / "out.json", network="x")
    assert "1.2" in capsys.readouterr().out
    assert json.loads((tmp_path / "new" / "out.json").read_text()) == {
        "title": "title", "network": "x", "rows": [{"a": 1.25}],
    }  # fmt: skip


# --- transfer and heldout ---------------------------------------------------------------------------------------------


def test_methods_come_with_the_baselines_first_and_budgets_rising():
    names = [method.name for method in transfer.methods(["5m", "1m"])]
    assert names == [
        "truth", "nearest pose", "draft",
        "pose maps only, 1 min", "standard, 1 min", "pose maps only, 5 min", "standard, 5 min",
    ]  # fmt: skip


def test_longer_trainings_run_first_and_rows_keep_their_order(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(
        transfer, "in_child", lambda function, method, *rest: ran.append(method.name) or {"n": method.name}
    )
    chosen = transfer.methods(["1m", "5m"])
    rows = transfer.run_seed(tmp_path, tmp_path, chosen, 0, "cpu", False)
    assert ran.index("standard, 5 min") < ran.index("standard, 1 min")
    assert [row["n"] for row in rows] == [method.name for method in chosen]


def test_the_nearest_pose_is_pasted_whole_and_of_the_right_size():
    """One reference half as large in its window as the motion asks: its window is pasted twice as large."""
    window = np.array([[20, 10, 40]], np.float32)
    motion = SimpleNamespace(
        heights=np.array([0.8], np.float32), descriptors=lambda weight: np.zeros((1, 4), np.float32)
    )
    known = SimpleNamespace(
        heights=np.array([0.4], np.float32), descriptors=lambda weight: np.zeros((1, 4), np.float32)
    )
    subject = SimpleNamespace(
        motion=known, plate=np.zeros((120, 100, 3), np.uint8), crops=np.full((1, 16, 16, 4), 200, np.uint8)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(truth, "aligned", lambda track, scale: (motion, window[:, :2].astype(np.int64), 40))
        (frame,) = truth.nearest_pose_video(subject, None)
    rows, columns = np.nonzero(frame[..., 0])
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (0, 79, 0, 69)  # 80 wide about (40, 30), cut


def test_ablations_are_trained_at_the_longest_budget_only():
    rows = heldout.trainings(["1m", "5m"], None, ablations=True)
    ablated = [row for row in rows if row.name.split(",")[0] in heldout.ABLATIONS]
    assert len(ablated) == len(heldout.ABLATIONS)
    assert all("train.budget=5m" in row.overrides for row in ablated)
    assert heldout.trainings([], None, ablations=True) == []
    by_steps = heldout.trainings(["5m"], 40, ablations=False)
    assert [row.name for row in by_steps] == ["pose maps only, 40 steps", "standard, 40 steps"]
    assert all("train.steps=40" in row.overrides for row in by_steps)


def test_a_person_retargeted_onto_themselves_is_the_truth_in_every_mode():
    track = standing_track(30)
    track.image[:, [JOINT["left_foot_index"], JOINT["right_foot_index"]]] += (10, 0)  # feet that have a length
    track.world[:] = np.concatenate([track.image, np.zeros_like(track.image[..., :1])], -1) / 100
    rows = retarget.errors(track, track, track)
    assert [row["mode"] for row in rows] == ["none", "global", "limbs", "global+limbs"]
    assert all(row["placed %"] < 0.1 and row["shape %"] < 0.1 for row in rows)


def test_what_is_fine_does_not_flicker_when_all_is_blurred_and_a_wobble_of_all_does():
    rng = np.random.default_rng(0)
    crops = np.repeat(rng.integers(80, 170, (1, 96, 96, 4), np.uint8), 6, 0)
    crops[..., 3] = 255
    fine, wobble = (crops[..., :3].astype(int) for _ in range(2))
    fine += 20 * rng.choice([-1, 1], (6, 96, 96, 1))
    wobble += 10 * np.resize([0, 1], (6, 1, 1, 1))
    flickers = {}
    for name, frames in (("fine", fine), ("wobble", wobble)):
        pictures = [Picture(frame.astype(np.uint8), crop[..., 3]) for frame, crop in zip(frames, crops, strict=True)]
        flickers[name] = heldout.by_scale(pictures, crops)
    assert list(flickers["wobble"].values()) == pytest.approx([10, 10, 10], abs=1e-3)
    # of white noise a Gaussian leaves 1 / (2 sqrt(pi) sigma); that of a step of signs is 20 sqrt(2), its mean 20
    left = np.array(list(flickers["fine"].values())) * [1, 2, 4]
    np.testing.assert_allclose(left, 20 * np.sqrt(2) * np.sqrt(2 / np.pi) / (2 * np.sqrt(np.pi)), rtol=0.12)


def test_at_full_size_the_footage_over_the_plate_is_the_truth(monkeypatch):
    subject = stick_subject(20)
    footage = BodyFootage(subject, 0.3, ReferenceConfig(), ExampleConfig())
    held, size = footage.held[:4], subject.references.shape[1]

    class Filmed:
        def __init__(self, given, generator, references, device):
            assert given is subject
            self.generator = generator

        def choose(self, motion, among):
            assert list(among) == list(footage.train)

        def paint(self, motion, choice, plates, wanted):
            assert (len(motion), wanted) == (4, size)
            for plate, filmed in zip(plates, subject.references[held], strict=True):
                matte = filmed[..., 3:] / 255 if self.generator else 0
                shown = (matte * filmed[..., :3] + (1 - matte) * plate).round().astype(np.uint8)
                yield Picture(shown, filmed[..., 3]), None

    monkeypatch.setattr(heldout, "Painter", Filmed)
    filmed = heldout.full_size(footage, torch.nn.Identity(), held, "trained")
    assert filmed == {"perceptual, full size": pytest.approx(0, abs=1e-5), "sharpness, full size": 1,
                      "flicker, full size": 0}  # fmt: skip
    nobody = heldout.full_size(footage, torch.nn.Identity(), held, "draft")
    assert nobody["perceptual, full size"] > 0.5
    assert nobody["flicker, full size"] > 1


# --- speed and memory -------------------------------------------------------------------------------------------------


class FakeTask:
    """A task with tiny networks that waits outside of them as long as it is told."""

    def __init__(self, wait):
        self.wait = wait
        self.generator = SimpleNamespace(module=torch.nn.Linear(4, 4))
        self.judge = SimpleNamespace(module=torch.nn.Linear(4, 4))
        self.perceptual = SimpleNamespace(network=torch.nn.Linear(4, 4))
        self.fabric = SimpleNamespace(backward=lambda loss: loss.backward())
        self.generator_optimiser = torch.optim.SGD(self.generator.module.parameters(), lr=0.1)
        self.judge_optimiser = torch.optim.SGD(self.judge.module.parameters(), lr=0.1)
        self.fractions = []

    def step(self, step, fraction):
        self.fractions.append(fraction)
        time.sleep(self.wait)
        x = self.perceptual.network(self.judge.module(self.generator.module(torch.ones(1, 4))))
        self.fabric.backward(x.sum())
        self.generator_optimiser.step()
        self.judge_optimiser.step()


def test_time_outside_the_networks_is_not_theirs():
    task = FakeTask(wait=0.05)
    shares = clock.training_shares(task, "cpu", 4)
    parts = [shares[name] for name in ("generator", "discriminator", "perceptual", "backward", "optimisers")]
    assert shares["networks"] == pytest.approx(sum(parts))
    assert 0 < shares["networks"] < 0.9
    assert task.fractions[1:] == [0, 0.25, 0.5, 0.75]


def test_our_reader_and_writer_and_the_bare_ones_make_the_same_clip(tmp_path, plain_clip):
    with ClipReader(plain_clip) as reader:
        frames = [frame.rgb for frame in reader][:5]
    for way in (speed.write, speed.bare_write):
        way(tmp_path / "out.mp4", frames, Fraction(25))
        with ClipReader(tmp_path / "out.mp4") as reader:
            assert len(list(reader)) == 5
    speed.read(plain_clip)
    speed.bare_read(plain_clip)


def test_a_clip_is_repeated_with_rising_times(tmp_path, plain_clip):
    single = memory.once(plain_clip, tmp_path / "once.mp4", (64, 36))
    long = memory.looped(single, tmp_path / "long.mp4", 6.0)
    with ClipReader(long) as reader:
        times = [frame.time for frame in reader]
        assert (reader.width, reader.height) == (64, 36)
    assert len(times) == 150  # 30 frames at 25 a second, five times
    assert np.allclose(np.diff([float(time) for time in times]), 1 / 25)


# --- watermark --------------------------------------------------------------------------------------------------------


def test_what_is_done_to_marked_clips_is_what_its_name_says():
    frames = [(np.full((100, 60, 3), 10 * k, np.uint8), Fraction(k, 10)) for k in range(50)]
    info = SimpleNamespace(rate=Fraction(10))
    halved = list(watermark.each(watermark.half)(iter(frames), info))
    assert halved[3][0].shape == (50, 30, 3)
    assert watermark.crop(frames[0][0]).shape == (90, 54, 3)
    part = list(watermark.cut(iter(frames), info))
    assert (part[0][1], len(part), int(part[0][0][0, 0, 0])) == (0, 30, 90)
    slower = list(watermark.resampled(iter(frames), info))
    assert [at for _, at in slower[:3]] == [0, Fraction(1, 8), Fraction(1, 4)]
    assert [int(rgb[0, 0, 0]) for rgb, _ in slower[:5]] == [0, 10, 20, 30, 50]


def test_psnr_is_that_of_known_noise_and_none_for_other_frames():
    grey = [(np.full((8, 8, 3), 100, np.uint8), Fraction(0))]
    one_off = [(np.full((8, 8, 3), 101, np.uint8), Fraction(0))]
    assert watermark.psnr(iter(one_off), iter(grey)) == pytest.approx(48.13, abs=0.01)
    assert watermark.psnr(iter([(grey[0][0][:4], Fraction(0))]), iter(grey)) is None
