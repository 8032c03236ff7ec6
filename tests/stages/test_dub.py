"""The stages of a dub, from a film made by code: its face is given, so that nothing depends on a detector."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tests.audio.test_sound import wav
from tests.face.talker import LATE, RATE, SOUND_RATE, frames_of, loudness, talking_track, voice, write_film
from tests.stages.killed import Killed, KilledAfter
from vidgan.errors import MediaError, PersonError
from vidgan.face.head import head_pose, to_head
from vidgan.face.lower import SIDE
from vidgan.face.mouth import mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.dub import SURE, DubConfig, DubStage, load_painter
from vidgan.stages.encode import EncodeConfig, EncodeStage, RenderedFrames
from vidgan.stages.film_face import CUTS
from vidgan.stages.mouth_takes import MouthTakesConfig, MouthTakesStage
from vidgan.stages.mouths import MouthsConfig, MouthsStage
from vidgan.stages.sound import SoundConfig, SoundStage
from vidgan.stages.speak import Shown, SpeakConfig, SpeakStage
from vidgan.stages.train import TrainStage
from vidgan.stages.voice import Voice, VoiceConfig, VoiceStage
from vidgan.subject.mend import Mender
from vidgan.subject.mouths import Mouths
from vidgan.subject.paint import Previous
from vidgan.subject.takes import EVERY, Takes
from vidgan.tasks.repair import RepairConfig
from vidgan.video.probe import read_tags
from vidgan.video.read import ClipReader

SECONDS = 5
QUICK = VoiceConfig(steps=8, members=1, width=8, batch=16, folds=2, shares=(0.0, 1.0))


class Listening(Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)

    def warn(self, message):
        self.said.append(message)


def run(stage, folder, progress=None, seed=0, **inputs):
    folder.mkdir(parents=True, exist_ok=True)
    return stage.run(StageContext(folder, inputs, "cpu", seed, progress or Silent()))


def face_dir(folder, film, track, cuts=()):
    """What a speaker stage would leave: the track with the film's own clock, and the cuts."""
    with ClipReader(film) as reader:
        pts = np.array([frame.pts for frame in reader], np.int64)
        base = reader.info.time_base
    folder.mkdir(parents=True, exist_ok=True)
    replace(track, pts=pts, time_base=base).save(folder / "track.npz")
    np.save(folder / CUTS, np.array(cuts, np.int64))
    return folder


def speech(path, seconds=3.0, seed=7, level=0.3):
    """Another speech of the same voice."""
    return wav(path, np.stack([voice(seconds, seed, level)]), SOUND_RATE)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The film and everything up to what is said in it."""
    folder = tmp_path_factory.mktemp("dub")
    film = folder / "film.mp4"
    track = write_film(film, SECONDS)
    face = face_dir(folder / "face", film, track)
    learnt = run(VoiceStage(QUICK), folder / "voice", film=film, face=face)
    run(MouthsStage(MouthsConfig()), folder / "mouths", film=film, face=face, voice=folder / "voice")
    said = speech(folder / "speech.wav")
    spoken = run(SpeakStage(SpeakConfig()), folder / "speak", face=face, voice=folder / "voice", speech=said)
    return {"folder": folder, "film": film, "face": face, "speech": said, "learnt": learnt, "spoken": spoken}


def stages(made, **changes):
    folder = made["folder"]
    names = ("voice", "speak", "mouths")
    return {"film": made["film"], **{name: folder / name for name in names}} | changes


@pytest.fixture(scope="module")
def rendered(made):
    """The film with its new mouths, and what the stage says of it."""
    facts = run(DubStage(DubConfig(segment=25)), made["folder"] / "dub", **stages(made))
    return made["folder"] / "dub", facts


def opening_of(track):
    here = track.present
    return mouth_opening(to_head(track.points[here], head_pose(track[here])))


def test_mouth_is_learnt_from_the_films_own_sound(made):
    check = made["learnt"]["check"]
    assert check["correlation"] > 0.6
    assert abs(check["lag"]) <= 1
    assert check["lip_distance"] < check["lip_distance_when_still"]
    assert Voice.load(made["folder"] / "voice").facts["frames"] == SECONDS * RATE


def test_new_speech_moves_the_mouth_in_time_and_nothing_else(made):
    shown = Shown.load(made["folder"] / "speak")
    opening = opening_of(shown.spoken)
    wanted = loudness(3.0, 7)(np.maximum(0, shown.timeline.seconds - LATE))
    spoken = shown.timeline.seconds < 2.8
    assert np.corrcoef(opening[spoken], wanted[spoken])[0, 1] > 0.6
    eyes = [33, 133, 159, 145, 263, 362]
    assert shown.spoken.image[:, eyes] == pytest.approx(shown.own.image[:, eyes], abs=0.01)


def test_mouth_is_closed_while_nobody_speaks(made):
    shown = Shown.load(made["folder"] / "speak")
    after = shown.timeline.seconds > 3.3
    film = opening_of(shown.own)
    assert opening_of(shown.spoken)[after].max() < np.percentile(film, 25)
    assert made["spoken"]["opening_silent"] < made["spoken"]["opening_speaking"]


def test_frames_are_the_films_outside_the_hull_and_speak_inside(made, rendered, tmp_path):
    folder, facts = rendered
    assert facts["dubbed"] == SECONDS * RATE
    context = StageContext(tmp_path, stages(made), "cpu", 0, Silent())
    painter = load_painter(context, Shown.load(made["folder"] / "speak"), DubConfig())
    differ = 0
    with ClipReader(made["film"]) as reader:
        pairs = zip(reader, RenderedFrames.load(folder), strict=True)
        for index, (frame, (picture, _)) in enumerate(pairs):
            touched = painter.touched(index, frame.rgb)
            assert np.array_equal(picture[~touched], frame.rgb[~touched])
            differ += bool((picture[touched] != frame.rgb[touched]).any())
    assert differ > 0.9 * SECONDS * RATE


def test_killed_render_goes_on_and_gives_the_same(made, rendered, tmp_path):
    folder, whole = rendered

    with pytest.raises(Killed):
        run(DubStage(DubConfig(segment=25)), tmp_path / "again", KilledAfter(60), **stages(made))
    assert 0 < len(list((tmp_path / "again").glob("seg-*"))) < 5
    assert run(DubStage(DubConfig(segment=25)), tmp_path / "again", **stages(made)) == whole
    for name in (*(f"seg-{number:05d}.nut" for number in range(5)), SURE):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_render_killed_after_its_last_segment_only_tells_what_it_did(made, rendered, tmp_path):
    folder, whole = rendered
    again = tmp_path / "again"
    shutil.copytree(folder, again)
    (again / SURE).unlink()
    (again / "render.json").unlink()
    assert run(DubStage(DubConfig(segment=25)), again, **stages(made)) == whole
    assert (again / SURE).read_bytes() == (folder / SURE).read_bytes()
    assert (again / "render.json").read_bytes() == (folder / "render.json").read_bytes()


@pytest.fixture(scope="module")
def mending(made):
    """The film's takes, and a generator that learnt from them for a moment."""
    folder = made["folder"]
    inputs = {name: folder / name for name in ("face", "voice", "mouths")}
    facts = run(MouthTakesStage(MouthTakesConfig(size=64, frames=72)), folder / "takes", **inputs)
    config = RepairConfig(steps=2, evaluations=1, width=8, depth=1, batch=1, precision="32-true")
    run(TrainStage(config), folder / "train", subject=folder / "takes")
    return folder / "takes", folder / "train", facts


def test_takes_never_show_the_mouth_that_was_filmed(made, mending):
    folder, _, facts = mending
    takes, mouths = Takes.load(folder), Mouths.load(made["folder"] / "mouths")
    assert facts == {"frames": 72, "ways": 3, "drafts": 216, "size": 64}
    assert sorted(takes.frames[takes.held] - takes.frames[takes.held][0]) == list(range(takes.held.sum()))
    for row in range(0, len(takes.of), 7):
        filmed = takes.filmed[takes.of[row]].astype(int)
        matte = filmed[..., 3]
        assert np.abs(takes.drafts[row].astype(int) - filmed[..., :3])[matte == 0].max() <= 1
    differ = [np.abs(takes.drafts[row].astype(int) - takes.filmed[takes.of[row]][..., :3]).mean() for row in range(216)]
    assert min(differ) > 0.1
    assert mouths.sides.min() > 64


def test_takes_never_run_across_a_cut(made, tmp_path):
    track = FaceTrack.load(made["face"] / "track.npz")
    inputs = {"face": face_dir(tmp_path / "face", made["film"], track, cuts=[50]), "voice": made["folder"] / "voice"}
    run(MouthTakesStage(MouthTakesConfig(size=64)), tmp_path, mouths=made["folder"] / "mouths", **inputs)
    takes = Takes.load(tmp_path)
    steps = np.diff(takes.frames[: SECONDS * RATE])
    assert np.flatnonzero(steps != 1).tolist() == [49]
    borders = [row for row in range(SECONDS * RATE, len(takes.of)) if takes.of[row] == 50]
    assert len(borders) == 2
    changed = [np.abs(takes.drafts[row].astype(int) - takes.drafts[row - 1]).max() for row in borders]
    assert min(changed) > 8  # another mouth is held from the cut on


def test_killed_takes_go_on_and_give_the_same(made, mending, tmp_path):
    folder, _, facts = mending
    inputs = {name: made["folder"] / name for name in ("face", "voice", "mouths")}
    stage = MouthTakesStage(MouthTakesConfig(size=64, frames=72))
    with pytest.raises(Killed):
        run(stage, tmp_path, KilledAfter(2 * EVERY + 3), **inputs)
    with pytest.raises(Killed):  # what is left is less than was done
        run(stage, tmp_path, KilledAfter(72 - 2 * EVERY), **inputs)
    assert run(stage, tmp_path, **inputs) == facts
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in folder.iterdir())
    for name in ("drafts.npy", "filmed.npy"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name
    with np.load(tmp_path / "takes.npz") as again, np.load(folder / "takes.npz") as whole:
        assert all(np.array_equal(again[name], whole[name]) for name in whole.files)


def test_mended_frames_are_the_films_outside_the_hull(made, rendered, mending, tmp_path):
    _, train, _ = mending
    run(DubStage(DubConfig(segment=25)), tmp_path, **stages(made, model=train))
    context = StageContext(tmp_path, stages(made), "cpu", 0, Silent())
    painter = load_painter(context, Shown.load(made["folder"] / "speak"), DubConfig())
    differ = 0
    with ClipReader(made["film"]) as reader:
        trios = zip(reader, RenderedFrames.load(tmp_path), RenderedFrames.load(rendered[0]), strict=True)
        for index, (frame, (picture, _), (draft, _)) in enumerate(trios):
            touched = painter.touched(index, frame.rgb)
            assert np.array_equal(picture[~touched], frame.rgb[~touched])
            differ += bool((picture != draft).any())
    assert differ > 0.9 * SECONDS * RATE


def test_a_mender_that_changes_nothing_leaves_the_draft(made, rendered, mending, tmp_path, monkeypatch):
    seen = []

    def mend(self, draft, matte, points, height, before):
        seen.append(before and before.picture.device.type)  # the state stays on its device from segment to segment
        return draft, Previous.of(*(torch.zeros(1, n, 4, 4, device="meta") for n in (3, 1)), *torch.zeros(2, 1, 1))

    monkeypatch.setattr(Mender, "mend", mend)
    run(DubStage(DubConfig(segment=25)), tmp_path, **stages(made, model=mending[1]))
    for (picture, _), (draft, _) in zip(RenderedFrames.load(tmp_path), RenderedFrames.load(rendered[0]), strict=True):
        assert np.array_equal(picture, draft)
    assert seen == [None] + (SECONDS * RATE - 1) * ["meta"]


@pytest.mark.parametrize("frames", [16, 20])
def test_takes_of_moments_never_show_the_mouth_that_was_filmed(made, tmp_path, frames):
    inputs = {name: made["folder"] / name for name in ("face", "voice")}
    run(MouthsStage(MouthsConfig(max_frames=frames)), tmp_path / "mouths", film=made["film"], **inputs)
    run(MouthTakesStage(MouthTakesConfig(size=64)), tmp_path / "takes", mouths=tmp_path / "mouths", **inputs)
    takes = Takes.load(tmp_path / "takes")
    apart = [
        np.abs(one.astype(int) - takes.filmed[of][..., :3]).mean()
        for one, of in zip(takes.drafts, takes.of, strict=True)
    ]
    assert min(apart) > 0.04


def test_two_mouths_are_too_few_to_learn_from(made, tmp_path):
    inputs = {name: made["folder"] / name for name in ("face", "voice")}
    run(MouthsStage(MouthsConfig(max_frames=2)), tmp_path / "mouths", film=made["film"], **inputs)
    with pytest.raises(PersonError, match="seen in 2 frames, which is too few to learn to mend it"):
        run(MouthTakesStage(MouthTakesConfig(size=64)), tmp_path / "takes", mouths=tmp_path / "mouths", **inputs)


def test_killed_mending_goes_on_and_gives_the_same(made, mending, tmp_path):
    _, train, _ = mending

    inputs = stages(made, model=train)
    with pytest.raises(Killed):
        run(DubStage(DubConfig(segment=25)), tmp_path / "cut", KilledAfter(60), **inputs)
    for name in ("cut", "whole"):
        run(DubStage(DubConfig(segment=25)), tmp_path / name, **inputs)
    for number in range(SECONDS):
        name = f"seg-{number:05d}.nut"
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_frames_without_a_face_pass_through(made, tmp_path):
    track = talking_track(SECONDS)
    gone = slice(40, 60)
    present = track.present.copy()
    present[gone] = False
    image, depth = track.image.copy(), track.depth.copy()
    image[gone], depth[gone] = np.nan, np.nan
    face = face_dir(tmp_path / "face", made["film"], replace(track, present=present, image=image, depth=depth))
    inputs = {"face": face, "voice": made["folder"] / "voice", "speech": made["speech"]}
    run(SpeakStage(SpeakConfig()), tmp_path / "speak", **inputs)
    told = Listening()
    facts = run(DubStage(DubConfig()), tmp_path / "dub", told, **stages(made, speak=tmp_path / "speak"))
    assert facts["without_face"] == 20
    assert any("20 of 125 frames have no face" in line for line in told.said)
    with ClipReader(made["film"]) as reader:
        for index, (frame, (picture, _)) in enumerate(zip(reader, RenderedFrames.load(tmp_path / "dub"), strict=True)):
            if 40 <= index < 60:
                assert np.array_equal(picture, frame.rgb)


@pytest.mark.parametrize(("fit", "frames"), [("film", 125), ("trim", 75), ("loop", 75), ("speech", 125)])
def test_lengths_fit_and_times_stay_exact(made, tmp_path, fit, frames):
    inputs = {"face": made["face"], "voice": made["folder"] / "voice", "speech": made["speech"]}
    told = Listening()
    facts = run(SpeakStage(SpeakConfig(fit=fit)), tmp_path / "speak", told, **inputs)
    assert facts["frames"] == frames
    line = Shown.load(tmp_path / "speak").timeline
    end = float(line.seconds[-1]) + float(line.seconds[-1] - line.seconds[-2])
    assert end == pytest.approx(3.0 if fit != "film" else 5.0, abs=0.05)
    assert bool(told.said) == (fit in ("film", "speech"))


def test_ambience_goes_on_under_the_new_speech(made, rendered, tmp_path):
    facts = run(SoundStage(SoundConfig(keep_ambience=True)), tmp_path / "sound", film=made["film"],
                speech=made["speech"], speak=made["folder"] / "speak")  # fmt: skip
    assert facts["ambience"]
    assert facts["seconds"] == pytest.approx(5.0, abs=0.05)
    facts = run(EncodeStage(EncodeConfig()), tmp_path / "encode", frames=rendered[0], source=made["speech"],
                target=made["film"], sound=tmp_path / "sound", film=made["film"])  # fmt: skip
    assert "sound.wav" in facts["audio"]
    assert facts["av_sync"]["in_sync"]


def test_speech_is_in_sync_and_tags_are_kept(made, rendered, tmp_path, monkeypatch):
    tags = {"title": "A film", "comment": "kept"}
    monkeypatch.setattr("vidgan.stages.encode.read_tags", lambda path: tags)
    facts = run(EncodeStage(EncodeConfig(container="mkv")), tmp_path / "encode", frames=rendered[0],
                source=made["speech"], target=made["film"], sound=None, film=made["film"])  # fmt: skip
    assert facts["av_sync"]["in_sync"]
    assert facts["av_sync"]["shift"] == pytest.approx(0, abs=0.005)
    assert Fraction(facts["rate"]) == RATE
    written = read_tags(tmp_path / "encode" / facts["file"])
    assert tags.items() <= {name.lower(): value for name, value in written.items()}.items()


# --- what cannot be done ----------------------------------------------------------------------------------------------


def test_film_without_its_own_sound_says_what_is_needed(made, tmp_path):
    film = tmp_path / "mute.mp4"
    track = talking_track(1.2)
    write_film(film, 1.2, sound=False, track=track, pictures=frames_of(track))
    face = face_dir(tmp_path / "face", film, track)
    with pytest.raises(MediaError, match=r"mute\.mp4: has no sound of its own, from which .* learnt: give a cut"):
        run(VoiceStage(QUICK), tmp_path / "voice", film=film, face=face)


def test_too_little_film_says_so_and_seconds_are_warned_about(made, tmp_path):
    short = face_dir(tmp_path / "short", made["film"], talking_track(SECONDS))
    track = talking_track(SECONDS)
    present = np.zeros(len(track), bool)
    present[30:45] = True
    face_dir(tmp_path / "short", made["film"], replace(track, present=present))
    with pytest.raises(PersonError, match="a face with a voice is there for 0.[0-9] s"):
        run(VoiceStage(QUICK), tmp_path / "voice", film=made["film"], face=short)
    present[10:90] = True
    face_dir(tmp_path / "short", made["film"], replace(track, present=present))
    told = Listening()
    run(VoiceStage(QUICK), tmp_path / "voice", told, film=made["film"], face=short)
    assert any("too little for more than a rough following" in line for line in told.said)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("silent", "nobody speaks in it"), ("mute", "has no sound; give a recording"), ("text", "is not a media file")],
)
def test_speech_that_says_nothing_is_refused_in_one_line(made, tmp_path, kind, message, text_clip):
    path = tmp_path / "quiet.wav"
    if kind == "silent":
        wav(path, np.zeros((1, 2 * SOUND_RATE)), SOUND_RATE)
    elif kind == "mute":
        path = tmp_path / "mute.mp4"
        track = talking_track(0.4)
        write_film(path, 0.4, sound=False, track=track)
    else:
        path = text_clip
    inputs = {"face": made["face"], "voice": made["folder"] / "voice", "speech": path}
    with pytest.raises(MediaError, match=message) as failed:
        run(SpeakStage(SpeakConfig()), tmp_path / "speak", **inputs)
    assert "\n" not in str(failed.value)


def test_window_holds_the_face_where_it_is_nearer_than_usual(made, tmp_path):
    track = talking_track(SECONDS)
    near = np.where(np.arange(len(track)) >= 100, 1.45, 1.0)[:, None]  # the last fifth
    track = replace(track, image=(track.image * near[..., None]).astype(np.float32), depth=track.depth * near)
    face = face_dir(tmp_path / "face", made["film"], track)
    facts = run(MouthsStage(MouthsConfig()), tmp_path, film=made["film"], face=face, voice=made["folder"] / "voice")
    assert facts["unit"] == pytest.approx(80, abs=0.2)
    assert facts["size"] == pytest.approx(1.45 * 80 * SIDE, abs=2)


def test_every_shot_has_a_window_for_its_own_faces(made, tmp_path):
    track, cut = talking_track(SECONDS), SECONDS * RATE // 2
    far = np.where(np.arange(len(track)) < cut, 1.0, 0.5)[:, None]
    track = replace(track, image=(track.image * far[..., None]).astype(np.float32), depth=track.depth * far)
    film = tmp_path / "film.mp4"
    inputs = {
        "film": film, "face": face_dir(tmp_path / "face", film, write_film(film, SECONDS, track=track), cuts=[cut]),
        "voice": made["folder"] / "voice",
    }  # fmt: skip
    facts = run(MouthsStage(MouthsConfig()), tmp_path / "mouths", **inputs)
    large, small = facts["windows"][::-1]
    assert (large, small) == pytest.approx((80 * SIDE, 40 * SIDE), abs=2)
    mouths = Mouths.load(tmp_path / "mouths")
    assert [len(mouths.crop(index)) for index in (0, cut)] == [large, small]
    run(MouthTakesStage(MouthTakesConfig(size=64)), tmp_path / "takes", mouths=tmp_path / "mouths", **inputs)
    takes = Takes.load(tmp_path / "takes")
    assert takes.heights[cut:].mean() == pytest.approx(takes.heights[:cut].mean(), rel=0.03)  # both fill their windows
    inputs |= {"speech": made["speech"], "speak": tmp_path / "speak", "mouths": tmp_path / "mouths"}
    run(SpeakStage(SpeakConfig()), tmp_path / "speak", **inputs)
    painter = load_painter(
        StageContext(tmp_path, inputs, "cpu", 0, Silent()), Shown.load(tmp_path / "speak"), DubConfig()
    )
    lenders = painter.choice.index[:, 0]
    assert (lenders[:cut] < cut).mean() > 0.9  # a small mouth is blurred in a large face
    assert np.unique(painter.sides[:cut]) == large
    assert np.unique(painter.sides[cut:]) == small


def test_face_from_the_side_cannot_lend_mouths(made, tmp_path):
    with pytest.raises(PersonError, match="never seen from the front"):
        run(MouthsStage(MouthsConfig(most_yaw=0.001)), tmp_path, film=made["film"], face=made["face"],
            voice=made["folder"] / "voice")  # fmt: skip


def test_frames_too_large_to_be_read_whole_are_refused(made, tmp_path):
    face = face_dir(tmp_path / "face", made["film"], replace(talking_track(SECONDS), width=7680, height=5760))
    with pytest.raises(MediaError, match="7680x5760 are too large to be read whole: scale it down to 320x240"):
        run(MouthsStage(MouthsConfig()), tmp_path, film=made["film"], face=face, voice=made["folder"] / "voice")


def test_facts_survive_json(made):
    assert json.loads(json.dumps(made["learnt"])) == made["learnt"]
    assert json.loads(json.dumps(made["spoken"])) == made["spoken"]
