from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from tests.performers.tiny import FRAMES, SEED, SIZE
from vidgan.errors import DependencyError, OutputError
from vidgan.performers import body
from vidgan.performers.landmarks import LandmarkMap
from vidgan.performers.pair import load_poses, plan_pair, render_pair
from vidgan.performers.people import CAST
from vidgan.pose.track import JOINT, LANDMARKS
from vidgan.progress import Silent
from vidgan.video.read import ClipReader


def frames_of(path):
    with ClipReader(path) as clip:
        return np.stack([frame.rgb for frame in clip])


def test_lengths_and_sizes(tiny_pair):
    source, target, truth = (frames_of(path) for path in (tiny_pair.source, tiny_pair.target, tiny_pair.truth))
    assert source.shape == truth.shape == (FRAMES, SIZE, SIZE, 3)
    assert target.shape == (round(2.5 * FRAMES), SIZE, SIZE, 3)


def test_same_seed_same_files(tiny_pair, second_pair):
    assert tiny_pair.poses.read_bytes() == second_pair.poses.read_bytes()
    assert np.array_equal(frames_of(tiny_pair.truth), frames_of(second_pair.truth))
    with np.load(tiny_pair.masks) as one, np.load(second_pair.masks) as two:
        assert all(np.array_equal(one[name], two[name]) for name in ("source", "target", "truth"))


def test_poses_have_the_promised_form(tiny_pair):
    data = json.loads(tiny_pair.poses.read_text())
    assert data["landmarks"] == list(LANDMARKS)
    assert set(data["clips"]) == {"source", "target", "truth"}
    clip = data["clips"]["truth"]
    assert np.array(clip["frames"]).shape == (FRAMES, 33, 4)
    assert np.array(clip["world"]).shape == (FRAMES, 33, 3)


def test_tracks_load(tiny_pair):
    track = load_poses(tiny_pair.poses)["source"]
    assert len(track) == FRAMES
    assert track.time_base == Fraction(1, 25)
    assert np.abs(track.world[:, [JOINT["left_hip"], JOINT["right_hip"]]].mean(1)).max() < 1e-3
    assert (track.image[:, JOINT["nose"], 1] < track.image[:, JOINT["left_heel"], 1]).all()


def test_landmarks_lie_on_the_person(tiny_pair):
    tracks = load_poses(tiny_pair.poses)
    with np.load(tiny_pair.masks) as masks:
        for name, track in tracks.items():
            cells = np.clip(track.image[:, JOINT["left_shoulder"] : JOINT["right_knee"] + 1], 0, SIZE - 1).astype(int)
            for mask, points in zip(masks[name], cells, strict=True):
                near = [mask[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max() > 0 for x, y in points]
                assert np.mean(near) > 0.95


def test_source_and_truth_share_the_motion_and_not_the_body(plan, driver, subject):
    assert plan.driver.name != plan.subject.name
    assert abs(driver.body.height - subject.body.height) > 0.01
    bones = [body.skeleton().index[name] for name in ("lowerarm01.L", "wrist.L")]

    def directions(performer):
        maps = performer.body.transforms(plan.driving.rotations)
        ends = [np.einsum("tij,j->ti", maps[:, k], [*performer.body.joints[k], 1])[:, :3] for k in bones]
        return (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0], axis=1, keepdims=True)

    cosine = (directions(driver) * directions(subject)).sum(-1)
    assert cosine.min() > 0.97


def test_footage_is_another_motion(plan):
    count = len(plan.driving)
    difference = np.abs(plan.footage.rotations[:count] - plan.driving.rotations).max((1, 2, 3))
    assert difference[count // 3 :].min() > 0.05


def test_lowest_sole_is_on_the_floor(plan, driver):
    maps, roots = driver.body.transforms(plan.driving.rotations), driver.place(plan.driving)
    for index in (0, 20, 45):
        points = driver.pose(maps[index], roots[index], {})
        assert points[:, 2].min() == pytest.approx(0, abs=2e-3)


def test_exact_joints_follow_the_bones(driver, plan):
    find = LandmarkMap(driver.body)
    maps = driver.body.transforms(plan.driving.rotations[:1])[0]
    found = find(maps, np.zeros(3))
    elbow = body.skeleton().index["lowerarm01.L"]
    assert found[JOINT["left_elbow"]] == pytest.approx((maps[elbow] @ [*driver.body.joints[elbow], 1])[:3], abs=0.05)
    moved = find(maps, np.array([1.0, 2.0, 3.0]))
    assert moved - found == pytest.approx(np.tile([1.0, 2.0, 3.0], (33, 1)), abs=1e-4)


def test_the_cast_is_distinct():
    assert len(CAST) >= 8
    assert len({(person.skin, person.hair.style, person.hair.colour, person.bottom.hem) for person in CAST}) == len(
        CAST
    )
    assert len({tuple(sorted(person.shape.items())) for person in CAST}) == len(CAST)


def test_performers_look_different(tiny_pair):
    source, truth = frames_of(tiny_pair.source), frames_of(tiny_pair.truth)
    assert np.abs(source.astype(int) - truth).mean() > 5


def test_another_seed_is_another_pair():
    one, other = plan_pair(SEED, 4, 25), plan_pair(SEED + 1, 4, 25)
    assert (one.driver.name, one.subject.name) != (other.driver.name, other.subject.name)


def test_global_random_state_is_left_alone():
    import torch

    before, torch_before = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    plan_pair(3, 4, 25)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(torch_before, torch.random.get_rng_state())


def test_interruption_leaves_no_half_written_clip(out_dir):
    class Stop(Silent):
        def advance(self, amount: float = 1, **info: float | str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_pair(out_dir, seed=SEED, frames=4, size=SIZE, progress=Stop())
    assert not [path.name for path in out_dir.iterdir() if path.suffix in (".mp4", ".json", ".npz")]


def test_the_extra_is_asked_for_late():
    check = "import sys, vidgan.performers.pair as _; sys.exit(bool({'anny', 'warp', 'torch'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", check], check=True)


@pytest.mark.parametrize("package", ["anny", "warp"])
def test_missing_package_is_one_line(monkeypatch, out_dir, package):
    body.library.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DependencyError, match=r"pip install 'vidgan\[performers\]'"):
        render_pair(out_dir, seed=0, frames=2, size=SIZE, progress=Silent())
    monkeypatch.undo()
    body.library.cache_clear()
    body.library()


def test_a_file_in_the_way_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("here")
    with pytest.raises(OutputError, match="taken"):
        render_pair(tmp_path / "taken", seed=0, frames=2, size=SIZE, progress=Silent())
