from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.pose.skeletons import SHARES, dance, figure, track_of
from vidgan.errors import PersonError
from vidgan.pose.body import person_height
from vidgan.pose.proportions import SEGMENTS, proportions, ratios
from vidgan.pose.retarget import RetargetConfig, retarget
from vidgan.pose.track import JOINT

STOCKY = SHARES | {"torso": 0.34, "thigh": 0.22, "shin": 0.21, "shoulders": 0.28, "upper_arm": 0.14, "head": 0.05}
MODES = ("none", "global", "limbs", "global+limbs")


def error(found, truth):
    """Mean distance in % of the person's height."""
    return 100 * float(np.linalg.norm(found.image - truth.image, axis=-1).mean()) / person_height(truth)


def moved(driving, target, mode="limbs", **settings):
    return retarget(driving, target, RetargetConfig(mode=mode, **settings))


@pytest.mark.parametrize("mode", MODES)
def test_ones_own_motion_comes_back(mode):
    track = dance()
    found, parameters = moved(track, track, mode)
    np.testing.assert_allclose(found.image, track.image, atol=0.5)
    assert parameters["mode"] == mode
    assert parameters["scale"] == pytest.approx(1)


def test_proportions_are_measured():
    shares = proportions(dance(shares=STOCKY))
    for name in ("torso", "shoulders", "upper_arm", "lower_arm", "thigh", "shin"):
        assert shares[name] == pytest.approx(STOCKY[name], rel=0.03), name
    assert set(ratios(dance(), dance(shares=STOCKY))) == set(SEGMENTS)


def test_limbs_give_the_motion_to_another_body():
    driving = dance()
    target = dance(height=300, place=(200, 330), shares=STOCKY, size=(400, 360))
    truth = dance(height=300, place=(200, 330), shares=STOCKY, size=(400, 360))
    limbs, parameters = moved(driving, target, "limbs")
    assert error(limbs, truth) < 0.8
    assert error(moved(driving, target, "none")[0], truth) > 2 * error(limbs, truth)
    assert parameters["limbs"]["torso"] == pytest.approx(0.34 / 0.30, rel=0.02)
    assert parameters["scale"] == pytest.approx(0.75, rel=0.01)


def test_head_and_hands_keep_the_targets_size():
    found, _ = moved(dance(), dance(shares=STOCKY), "limbs")
    width = np.linalg.norm(found.image[:, JOINT["left_ear"]] - found.image[:, JOINT["right_ear"]], axis=-1)
    np.testing.assert_allclose(width, 2 * 0.05 * 400, rtol=0.05)


def test_the_standing_foot_stays_where_it_is():
    frames = [
        figure(400, (300, 450), arms=(1 + np.sin(t / 5), 1), knees=(0.0, 0.3 + 0.2 * np.sin(t / 4))) for t in range(60)
    ]
    driving = track_of(frames)
    found, _ = moved(driving, dance(height=260, place=(150, 300), shares=STOCKY, size=(320, 320)), "limbs")
    foot = found.image[5:-5, [JOINT["left_heel"], JOINT["left_foot_index"]]].mean(axis=1)
    assert np.ptp(foot, axis=0).max() < 0.01 * 260


def test_jumps_leave_the_ground_by_as_much_of_the_height():
    driving, target = dance(jump=0.15), dance(height=200, place=(160, 225), shares=STOCKY, size=(320, 240))
    found, _ = moved(driving, target, "limbs")
    heels = [JOINT["left_heel"], JOINT["right_heel"]]
    rise = np.ptp(found.image[:, heels, 1].max(axis=1))
    assert rise == pytest.approx(0.15 * 200, rel=0.06)


def test_aspect_and_resolution_of_the_two_videos_do_not_matter():
    target = dance(height=300, place=(200, 330), size=(400, 360))
    one = moved(dance(size=(640, 480)), target)[0]
    large = moved(dance(height=1200, place=(540, 1800), size=(1080, 1920)), target)[0]
    np.testing.assert_allclose(one.image, large.image, atol=0.2)
    assert (one.width, one.height) == (400, 360)


def test_the_person_stays_in_the_frame():
    driving = dance(step=0.6, size=(1280, 480), place=(640, 450))
    target = dance(height=300, place=(200, 330), size=(400, 360), step=0.0)
    found, parameters = moved(driving, target)
    assert parameters["sideways"] < 1
    assert found.image[..., 0].min() >= -0.01
    assert found.image[..., 0].max() <= 400.01
    free, _ = moved(driving, target, stay_inside=False)
    assert free.image[..., 0].min() < 0


def test_time_visibility_presence_and_world_are_the_drivings():
    driving = dance(count=40)
    image = driving.image.copy()
    image[10:20] = np.nan
    driving = replace(driving, image=image, present=~np.isnan(image[:, 0, 0]), visibility=driving.visibility * 0.9)
    found, _ = moved(driving, dance(height=300))
    for name in ("pts", "visibility", "present", "world"):
        np.testing.assert_array_equal(getattr(found, name), getattr(driving, name))
    assert found.time_base == driving.time_base
    assert np.isnan(found.image[10:20]).all()
    assert not np.isnan(found.image[found.present]).any()


def test_near_and_far_are_interpolated():
    """Everybody Dance Now, section 3.4, on a person that walks up to a camera: twice the size 100 pixels lower."""

    def walk(far_y, near_y, far_height, near_height, size):
        shares = np.linspace(0, 1, 61)
        frames = [
            figure(far_height + s * (near_height - far_height), (size[0] / 2, far_y + s * (near_y - far_y)))
            for s in shares
        ]
        return track_of(frames, size=size)

    driving, target = walk(350, 450, 200, 400, (640, 480)), walk(250, 280, 150, 180, (400, 300))
    found, parameters = moved(driving, target, "global", stay_inside=False)
    assert parameters["scale_range"][0] == pytest.approx(180 / 400, rel=0.05)
    assert parameters["scale_range"][1] == pytest.approx(150 / 200, rel=0.1)
    for frame, (ankle, height) in {0: (250, 150), 60: (280, 180)}.items():
        assert found.image[frame, JOINT["left_heel"], 1] == pytest.approx(ankle, abs=4)
        assert person_height(found[frame : frame + 1]) == pytest.approx(height, rel=0.1)


def test_feet_that_are_never_seen_anchor_at_the_hips():
    driving = dance()
    seen = driving.visibility.copy()
    seen[:, JOINT["left_knee"] :] = 0.05
    found, parameters = moved(replace(driving, visibility=seen), dance(height=300))
    assert parameters["anchor"] == "pelvis"
    assert not np.isnan(found.image).any()


@pytest.mark.parametrize("role", ["source", "target"])
def test_nobody_is_said(role):
    empty = track_of(np.full((5, 33, 2), np.nan))
    pair = (empty, dance()) if role == "source" else (dance(), empty)
    with pytest.raises(PersonError, match=f"no person in any frame of the {role}"):
        moved(*pair)


@pytest.mark.parametrize("mode", MODES)
def test_one_frame_is_enough(mode):
    found, _ = moved(dance(count=1), dance(count=1, height=200), mode)
    assert not np.isnan(found.image).any()
