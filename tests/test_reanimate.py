"""`vidgan reanimate` end to end on synthetic talking heads."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch

import vidgan
from tests.conftest import ROOT
from tests.stages.killed import Killed, KilledAfter
from tests.video.clips import click, numbered_frame, write_clip
from vidgan import api
from vidgan.cli.main import _exit_code
from vidgan.errors import MediaError, OutputError, PersonError, UsageError
from vidgan.progress import Silent
from vidgan.stages.animate import AnimateConfig, AnimateStage
from vidgan.stages.base import StageContext
from vidgan.stages.encode import RenderedFrames
from vidgan.stages.takes import TakesConfig, TakesStage
from vidgan.subject import takes
from vidgan.subject.mend import Mender
from vidgan.subject.paint import Previous
from vidgan.video.read import ClipReader

FACES = ROOT / "samples" / "faces"
PORTRAIT = FACES / "portrait.jpg"


@pytest.fixture(scope="module")
def driver(clips_dir):
    """20 frames of the synthetic driver, in which it turns, with sound."""
    with ClipReader(FACES / "driver.mp4") as reader:
        frames = [frame.rgb for index, frame in enumerate(reader) if 18 <= index < 38]
    return write_clip(clips_dir / "acting.mp4", frames, audio=("aac", 44100, click(Fraction(4, 5), 0.3)))


@pytest.fixture(scope="module")
def made(driver, tmp_path_factory):
    """A finished run with its motion kept."""
    folder = tmp_path_factory.mktemp("reanimate")
    result = vidgan.reanimate(PORTRAIT, driver, folder / "out.mp4", save_motion=folder / "m.npz", work=folder / "work")
    return folder, result


def painted(folder):
    """All frames (T, H, W, 3) of an animate stage: the finished videos of two runs differ in their watermark."""
    return np.stack([rgb for rgb, _ in RenderedFrames.load(folder)]).astype(int)


def test_the_portrait_moves_with_the_drivers_times_and_sound(made, driver):
    _folder, result = made
    with av.open(str(result.video)) as ours, av.open(str(driver)) as theirs:
        times = [[float(f.pts * f.time_base) for f in one.decode(video=0)] for one in (ours, theirs)]
        assert len(ours.streams.audio) == 1
    np.testing.assert_allclose(times[0], times[1], atol=1e-3)
    picture = cv2.imread(str(PORTRAIT))[..., ::-1].astype(int)
    with ClipReader(result.video) as reader:
        assert (reader.height, reader.width) == picture.shape[:2]
    frames = painted(result.stages["animate"])
    assert frames.shape == (len(times[0]), *picture.shape)
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.3
    assert np.abs(frames[:, :40, :60] - picture[:40, :60]).mean() < 1.5


def test_the_report_says_how_well_it_follows(made):
    folder, _result = made
    report = json.loads((folder / "out.report.json").read_text())
    assert report["pose_degrees"] < 4
    assert report["eyes"] > 0.85
    assert report["missed"] == 0
    assert report["background"] < 1
    assert report["av_sync"]["in_sync"]
    page = (folder / "out.report.html").read_text()
    assert "portrait.jpg" in page
    assert "<script" not in page


def test_a_saved_motion_drives_without_its_video(made, tmp_path):
    folder, result = made
    again = vidgan.reanimate(PORTRAIT, folder / "m.npz", tmp_path / "again.mp4", work=folder / "work")
    with ClipReader(again.video) as reader:
        assert reader.info.audio is None
    np.testing.assert_array_equal(painted(again.stages["animate"]), painted(result.stages["animate"]))


def test_the_same_run_is_cached_and_a_setting_runs_only_what_follows(made, driver, tmp_path):
    folder, _ = made

    def plan(**options):
        options = api.reanimate_options(None, driver, options.get("motion"), options.get("region"), None, None, None)
        run = api.prepare_reanimate(PORTRAIT, driver, tmp_path / "x.mp4", None, options=options, work=folder / "work")
        return {stage.name: stage.action for stage in run.plan.stages}

    assert set(plan().values()) == {"cached"}
    changed = plan(region="lips")
    assert {name for name, action in changed.items() if action == "run"} == {
        "drive", "animate", "encode", "sign", "face_report",
    }  # fmt: skip


def test_a_killed_render_goes_on_and_gives_the_same(made, driver, tmp_path):
    folder, whole = made
    work = folder / "work"
    arguments = ["reanimate", str(PORTRAIT), str(driver), "-o", str(tmp_path / "out.mp4"), "--work", str(work),
                 "--set", "animate.segment=2", "--set", "face_report.frames=3", "--set", "face_report.clip_seconds=0",
                 "--quiet"]  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "vidgan.cli.main", *arguments], cwd=ROOT)
    while process.poll() is None and not list(work.glob("animate-*.partial/seg-00003*")):
        time.sleep(0.02)
    process.kill()
    process.wait()
    (part,) = work.glob("animate-*.partial")
    first = next(part.glob("seg-00000*"))
    stamp = first.stat().st_mtime_ns
    assert _exit_code(arguments) == 0
    done = work / part.name.removesuffix(".partial")
    assert next(done.glob("seg-00000*")).stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(painted(done), painted(whole.stages["animate"]))


@pytest.fixture(scope="module")
def on_film(made, driver, clips_dir):
    """A video of 15 frames, whose background darkens and which is shorter than the driver, and its finished run."""
    folder, _ = made
    with ClipReader(FACES / "target.mp4") as reader:
        frames = [frame.rgb.copy() for index, frame in enumerate(reader) if index % 5 == 0]
    for index, rgb in enumerate(frames):
        rgb[:24, :48] = 200 - 8 * index
    film = write_clip(clips_dir / "film.mp4", frames)
    return film, vidgan.reanimate(film, driver, folder / "film-out.mp4", work=folder / "work")


def test_a_video_target_keeps_its_own_mouths(made, on_film):
    assert facts_of(on_film[1].stages["portrait"])["mouths"] == 15
    report = json.loads((made[0] / "film-out.report.json").read_text())
    assert report["pose_degrees"] < 4
    assert report["missed"] == 0
    assert report["background"] < 1


def test_a_video_target_goes_on_as_filmed_around_its_head(on_film):
    film, result = on_film
    with ClipReader(film) as reader:
        filmed = np.stack([frame.rgb for frame in reader]).astype(int)
    shown = np.load(result.stages["drive"] / "filmed.npz")["frames"]
    assert shown.tolist() == [*range(15), *range(13, 8, -1)]
    differ = np.abs(painted(result.stages["animate"]) - filmed[shown]).max((0, -1))
    assert differ[:24, :48].max() == 0
    assert differ.max() > 30
    assert (differ > 0).mean() < 0.7


def film_stages(result):
    return {name: result.stages[stage] for name, stage in FILM_STAGES.items()}


FILM_STAGES = {"target_face": "target_face", "portrait": "portrait", "driver": "driver", "motion": "drive"}


@pytest.mark.parametrize("kill", [6, 18], ids=["forwards", "on the way back"])
def test_a_killed_film_goes_on_and_gives_the_same(on_film, tmp_path, kill):
    film, result = on_film
    context = StageContext(tmp_path, {"target": film, **film_stages(result)}, "cpu", 0, KilledAfter(kill))
    stage = AnimateStage(AnimateConfig(segment=4))
    with pytest.raises(Killed):
        stage.run(context)
    stamps = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("seg-*.nut")}
    assert len(stamps) == (kill - 1) // 4
    stage.run(replace(context, progress=Silent()))
    assert all((tmp_path / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    np.testing.assert_array_equal(painted(tmp_path), painted(result.stages["animate"]))


@pytest.fixture(scope="module")
def cut_film(made, driver, clips_dir):
    """A person, another one, and the first again, nearer and in half the light, six frames each; its finished run."""
    folder, _ = made
    with ClipReader(FACES / "target.mp4") as one, ClipReader(FACES / "driver.mp4") as other:
        first = [frame.rgb for _, frame in zip(range(12), one, strict=False)]
        height, width = first[0].shape[:2]
        second = [cv2.resize(frame.rgb, (width, height)) for _, frame in zip(range(6), other, strict=False)]
    near = [cv2.resize(rgb[height // 8 :, width // 16 : -width // 16] // 2, (width, height)) for rgb in first[6:]]
    film = write_clip(clips_dir / "cut.mp4", first[:6] + second + near)
    overrides = ["face.other_face=0.01", "face_report.clip_seconds=0"]
    return film, vidgan.reanimate(film, driver, folder / "cut-out.mp4", overrides=overrides, work=folder / "work")


def test_nothing_of_a_film_goes_across_its_cuts(cut_film):
    film, result = cut_film
    filmed = np.load(result.stages["drive"] / "filmed.npz")
    shots, share, shown = filmed["shots"], filmed["share"], filmed["frames"]
    assert shots.tolist() == [0] * 6 + [1] * 6 + [2] * 8
    assert (share[shots != 1] == 1).all()  # also beside the cuts
    assert (share[shots == 1] == 0).all()
    with ClipReader(film) as reader:
        frames = np.stack([frame.rgb for frame in reader]).astype(int)
    out = painted(result.stages["animate"])
    np.testing.assert_array_equal(out[shots == 1], frames[shown][shots == 1])
    away = np.abs(out[shots == 2] - frames[shown][shots == 2])
    assert away.max() > 30
    assert np.median(away) < 1  # another shot's light or plate is nowhere


QUICK = [
    "train.steps=2", "train.width=8", "train.depth=1", "train.evaluations=1", "takes.size=64", "takes.frames=24",
    "takes.ways=2", "takes.portrait=16", "heldout.frames=3", "face_report.frames=3", "face_report.clip_seconds=0",
]  # fmt: skip


def facts_of(folder):
    return json.loads((folder / "manifest.json").read_text())["facts"]


@pytest.fixture(scope="module")
def mended(made, tmp_path_factory):
    """The portrait and the whole driver, mended by a network that was trained for a moment."""
    folder = tmp_path_factory.mktemp("mended")
    work = made[0] / "work"
    driver = FACES / "driver.mp4"
    result = vidgan.reanimate(
        PORTRAIT, driver, folder / "out.mp4", quality="standard", overrides=[*QUICK, "animate.segment=25"], work=work
    )
    return folder, result, work


def test_standard_learns_from_the_driver_and_the_portrait(mended):
    folder, result, _ = mended
    taken = facts_of(result.stages["takes"])
    assert taken["whose"] == "driver"
    assert taken["drafts"] == 2 * taken["frames"] + 16
    assert set(facts_of(result.stages["heldout"])["heldout"]) == {"draft", "trained"}
    report = json.loads((folder / "out.report.json").read_text())
    assert report["heldout"]["draft"]["perceptual"] > 0
    assert report["pose_degrees"] < 4
    assert "held-out" in (folder / "out.report.html").read_text()


def test_standard_changes_the_face_alone(mended, tmp_path):
    _, result, work = mended
    draft = vidgan.reanimate(PORTRAIT, FACES / "driver.mp4", tmp_path / "draft.mp4", work=work)
    frames, plain = painted(result.stages["animate"]), painted(draft.stages["animate"])
    changed = (frames != plain).any((0, -1))
    assert changed.any()
    assert not changed[:40, :40].any()
    assert changed.mean() < 0.5


def test_how_the_motion_is_transferred_trains_nothing_anew(mended, tmp_path):
    _, _, work = mended
    options = api.reanimate_options(None, FACES / "driver.mp4", None, None, 0.5, None, None)
    run = api.prepare_reanimate(
        PORTRAIT, FACES / "driver.mp4", tmp_path / "x.mp4", None, preset="standard", options=options,
        overrides=[*QUICK, "animate.segment=25"], work=work,
    )  # fmt: skip
    actions = {stage.name: stage.action for stage in run.plan.stages}
    assert actions["drive"] == "run"
    assert {actions[name] for name in ("takes", "train", "heldout")} == {"cached"}


@pytest.mark.parametrize(
    ("kills", "left"), [((15,), 30), ((15, 25), 10), ((39,), 10)], ids=["in the clip", "twice", "in the portrait"]
)
def test_killed_takes_go_on_and_are_the_same(mended, tmp_path, monkeypatch, kills, left):
    _, result, _ = mended
    monkeypatch.setattr(takes, "EVERY", 10)
    inputs = {name: result.stages[name] for name in ("target_face", "driver", "portrait")}
    files = {"target": PORTRAIT, "driving": FACES / "driver.mp4"}
    stage = TakesStage(TakesConfig(size=64, frames=24, ways=2, portrait=16))
    for kill in kills:
        with pytest.raises(Killed):
            stage.run(StageContext(tmp_path, files | inputs, "cpu", 0, KilledAfter(kill)))
    counted = Counted()
    stage.run(StageContext(tmp_path, files | inputs, "cpu", 0, counted))
    assert counted.frames == left
    whole = result.stages["takes"]
    for name in (takes.DRAFTS, takes.FILMED):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name
    with np.load(tmp_path / takes.TAKES) as again, np.load(whole / takes.TAKES) as once:
        assert all(np.array_equal(again[name], once[name]) for name in once.files)
    assert not (tmp_path / takes.KEPT).exists()


class Counted(Silent):
    """Counts the frames that are done."""

    frames = 0

    def advance(self, amount=1, **info):
        self.frames += amount


def animating(result, folder, progress):
    inputs = {
        "target_face": "target_face", "portrait": "portrait", "driver": "driver", "motion": "drive", "model": "train",
    }  # fmt: skip
    found = {name: result.stages[stage] for name, stage in inputs.items()}
    return StageContext(folder, {"target": PORTRAIT, **found}, "cpu", 0, progress)


def test_the_state_of_mending_stays_on_its_device_from_segment_to_segment(mended, tmp_path, monkeypatch):
    seen = []

    def mend(self, draft, matte, points, height, before):
        seen.append(before and before.picture.device.type)
        return draft, Previous.of(*(torch.zeros(1, n, 4, 4, device="meta") for n in (3, 1)), *torch.zeros(2, 1, 1))

    monkeypatch.setattr(Mender, "mend", mend)
    AnimateStage(AnimateConfig(segment=40)).run(animating(mended[1], tmp_path, Silent()))
    assert seen == [None] + 74 * ["meta"]


def test_a_killed_mending_goes_on_and_gives_the_same(mended, tmp_path):
    _, result, _ = mended
    whole = result.stages["animate"]
    context = animating(result, tmp_path, KilledAfter(40))
    stage = AnimateStage(AnimateConfig(segment=25))
    with pytest.raises(Killed):
        stage.run(context)
    assert len(list(tmp_path.glob("seg-*.nut"))) in (1, 2)
    stage.run(replace(context, progress=Silent()))
    for name in ("seg-00000.nut", "seg-00001.nut", "seg-00002.nut"):
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes(), name


def test_a_short_driver_leaves_the_portrait_to_learn_from(driver, tmp_path, made):
    result = vidgan.reanimate(
        PORTRAIT, driver, tmp_path / "out.mp4", quality="standard", overrides=QUICK, work=made[0] / "work"
    )
    assert facts_of(result.stages["takes"])["whose"] == "portrait"


def test_dry_run_and_json(driver, tmp_path, capsys):
    work = ["--work", str(tmp_path / "work")]
    paths = [str(PORTRAIT), str(driver), "-o", str(tmp_path / "o.mp4")]
    assert _exit_code(["reanimate", *paths, *work, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert [stage["stage"] for stage in plan["stages"]] == [
        "target_face", "driver", "portrait", "drive", "animate", "encode", "sign", "face_report",
    ]  # fmt: skip
    assert not (tmp_path / "o.mp4").exists()


def test_a_driver_without_a_face_is_one_clear_line(made, clips_dir, tmp_path):
    folder, _ = made
    blank = write_clip(clips_dir / "faceless.mp4", map(numbered_frame, range(6)))
    with pytest.raises(PersonError, match=r"faceless.mp4: no face found") as error:
        vidgan.reanimate(PORTRAIT, blank, tmp_path / "out.mp4", work=folder / "work")
    assert "\n" not in str(error.value)


def test_files_that_will_not_do_are_refused_before_any_work(driver, tmp_path):
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(MediaError, match=r"text.jpg"):
        vidgan.reanimate(tmp_path / "text.jpg", driver, tmp_path / "out.mp4", work=tmp_path / "work")
    with pytest.raises(UsageError, match=r"must end in .npz"):
        vidgan.reanimate(PORTRAIT, driver, tmp_path / "o.mp4", save_motion=tmp_path / "m.txt", work=tmp_path / "work")
    with pytest.raises(MediaError, match="does not exist"):
        vidgan.reanimate(tmp_path / "nobody.jpg", driver, tmp_path / "o.mp4", work=tmp_path / "work")
    (tmp_path / "m.npz").mkdir()
    with pytest.raises(OutputError):
        vidgan.reanimate(PORTRAIT, driver, tmp_path / "o.mp4", save_motion=tmp_path / "m.npz", work=tmp_path / "work")
