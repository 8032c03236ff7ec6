from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from click.testing import CliRunner

from vidgan.cli.performers import command
from vidgan.clips.config import ClipConfig
from vidgan.clips.prepare import prepare_clips
from vidgan.errors import OutputError, UsageError
from vidgan.performers import chart
from vidgan.performers.clips import SHOWN, excerpt, make_motion, plan_clips, render_clips
from vidgan.performers.dance import MOVES, choreograph
from vidgan.performers.people import CAST
from vidgan.performers.rig import Rig, turn
from vidgan.progress import Silent
from vidgan.video.read import ClipReader

TINY = {"seed": 2, "frames": 4, "size": 32}
COUNT = 2
ROUND = len(SHOWN) * len(CAST)


def frames_of(path):
    with ClipReader(path) as clip:
        return np.stack([frame.rgb for frame in clip])


@pytest.fixture(scope="session")
def rig():
    return Rig(chart.reference())


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    return render_clips(tmp_path_factory.mktemp("clips") / "new", count=COUNT, progress=Silent(), **TINY)


def test_size_and_length(clips):
    assert len(clips) == COUNT
    for path in clips:
        assert frames_of(path).shape == (4, 32, 32, 3)
        with ClipReader(path) as clip:
            assert clip.info.rate == 12.5


def test_a_person_is_seen_moving_before_a_wall_that_stays(clips):
    for path in clips:
        frames = frames_of(path).astype(int)
        moved = np.abs(frames[-1] - frames[0]).max(-1)
        assert moved[6:30, 8:24].max() > 40
        assert moved[:4].max() < 12
        assert frames.mean() > 60


def test_an_interrupted_run_goes_on_and_gives_the_same(clips, tmp_path):
    class Stop(Silent):
        left = 6

        def advance(self, amount: float = 1, **info: float | str) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_clips(tmp_path, count=COUNT, progress=Stop(), **TINY)
    (done,) = [path for path in tmp_path.rglob("*") if path.suffix == ".mp4"]
    written = done.stat().st_mtime_ns
    again = render_clips(tmp_path, count=COUNT, progress=Silent(), **TINY)
    assert done.stat().st_mtime_ns == written
    assert [path.relative_to(tmp_path) for path in again] == [path.relative_to(clips[0].parents[1]) for path in clips]
    assert all(np.array_equal(frames_of(one), frames_of(two)) for one, two in zip(clips, again, strict=True))


def test_a_finished_set_is_left_as_it_is(clips):
    shown = Silent()
    before = [path.stat().st_mtime_ns for path in clips]
    assert render_clips(clips[0].parents[1], count=COUNT, progress=shown, **TINY) == clips
    assert [path.stat().st_mtime_ns for path in clips] == before
    assert not shown.notes


def test_meta_says_what_it_is_and_under_which_licences(clips):
    meta = json.loads((clips[0].parents[1] / "meta.json").read_text())
    assert meta.items() >= {**TINY, "fps": 12.5, "moves": list(SHOWN)}.items()
    assert "CC0" in meta["licences"]["body"]


def test_training_finds_classes_and_people(clips, tmp_path):
    takes = plan_clips(COUNT, TINY["seed"])
    first, second = (CAST[take.who].name for take in takes)
    config = ClipConfig(size=32, frames=4, group="([A-Za-z]+)-", held_groups=(first,))
    found = prepare_clips(clips[0].parents[1], config, tmp_path / "set", Silent())
    assert {(found.classes[clip.label], clip.group, clip.held) for clip in found.clips} == {
        (takes[0].move.replace(" ", "_"), first, True),
        (takes[1].move.replace(" ", "_"), second, False),
    }
    assert not found.skipped


def test_every_class_is_there_and_everybody_does_everything_once():
    assert len(SHOWN) >= 4
    assert set(SHOWN) <= set(MOVES)
    assert {take.move for take in plan_clips(len(SHOWN), 5)} == set(SHOWN)
    takes = plan_clips(ROUND, 5)
    assert {(take.move, take.who) for take in takes} == set(product(SHOWN, range(len(CAST))))
    assert len({take.file for take in plan_clips(3 * ROUND, 5)}) == 3 * ROUND


def test_more_clips_begin_with_the_fewer_and_seeds_differ():
    assert plan_clips(100, 5)[:7] == plan_clips(7, 5)
    assert plan_clips(100, 5) != plan_clips(100, 6)


def test_takes_of_one_move_differ(rig):
    first, second = plan_clips(ROUND + 1, 5)[::ROUND]
    assert (first.move, first.who) == (second.move, second.who)
    one, other = (make_motion(rig, take, 5, 8).rotations for take in (first, second))
    assert np.abs(one - other).max() > 0.1
    assert len(one) == 8


def test_an_excerpt_is_the_same_motion_turned_about_the_room(rig):
    dance = choreograph(np.random.default_rng(4), 20, 12.5, ("step touch",), tempo=110)
    whole, part = rig.motion(excerpt(dance, 0, 0)), rig.motion(excerpt(dance, 0, 90))
    assert part.rotations[:, 1:] == pytest.approx(whole.rotations[:, 1:], abs=1e-4)
    assert part.rotations[:, 0] == pytest.approx(turn("z", 90) @ whole.rotations[:, 0], abs=1e-4)
    assert part.path == pytest.approx(np.stack([-whole.path[:, 1], whole.path[:, 0]], -1))
    late = excerpt(dance, 6, 0)
    assert len(late) == 14
    assert late.channels["x"] == pytest.approx(dance.channels["x"][6:])
    assert late.feet["left"] == pytest.approx(dance.feet["left"][6:])


def test_a_kick_is_seen_from_the_side(rig):
    take = next(take for take in plan_clips(ROUND, 5) if take.move == "kick")
    front = make_motion(rig, take, 5, 12).rotations[:, 0] @ [0, -1, 0]
    assert (np.abs(np.rad2deg(np.arctan2(front[:, 0], -front[:, 1]))) > 40).all()


@pytest.mark.parametrize("count", [0, -3])
def test_too_few_clips_is_one_line(tmp_path, count):
    with pytest.raises(UsageError, match="at least 1"):
        render_clips(tmp_path, count=count, progress=Silent())
    done = CliRunner().invoke(command, [str(tmp_path), "--clips", str(count)])
    assert done.exit_code == 2
    assert "--clips" in done.stderr


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("here")
    with pytest.raises(OutputError, match="taken") as raised:
        render_clips(tmp_path / "taken", count=1, progress=Silent())
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("setting", "value"), [("seed", 3), ("frames", 5), ("size", 64)])
def test_other_settings_are_not_mixed_in(clips, setting, value):
    with pytest.raises(OutputError, match=f"of other {setting};"):
        render_clips(clips[0].parents[1], count=COUNT, progress=Silent(), **TINY | {setting: value})


@pytest.mark.parametrize("text", ["", "{", "[1]", "{}", "\N{SNOWMAN}", '{"seed": 2}'])
def test_unreadable_notes_are_one_line(tmp_path, text):
    (tmp_path / "meta.json").write_text(text)
    with pytest.raises(OutputError, match=r"meta\.json") as raised:
        render_clips(tmp_path, count=1, progress=Silent(), **TINY)
    assert "\n" not in str(raised.value)
