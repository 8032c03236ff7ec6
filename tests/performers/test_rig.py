from __future__ import annotations

import numpy as np
import pytest

from vidgan.performers import chart
from vidgan.performers.body import Body, skeleton, skin
from vidgan.performers.dance import ARMS, CHANNELS, Dance
from vidgan.performers.rig import Rig, about, frame, turn


def still_dance(**channels: float) -> Dance:
    values = {name: np.full(3, channels.get(name, rest)) for name, rest in CHANNELS.items()}
    feet = {name: np.tile([0.13 * side, 0.0, 0.0, 0.0], (3, 1)) for name, side in (("left", 1), ("right", -1))}
    return Dance(values, feet, 25, ())


def arm(side: str, pose: str) -> dict[str, float]:
    parts = ("elevation", "azimuth", "flexion", "rotation")
    return {f"{side}_{part}": float(value) for part, value in zip(parts, ARMS[pose], strict=True)}


def joints(dance: Dance) -> dict[str, np.ndarray]:
    body = chart.reference()
    maps = body.transforms(Rig(body).motion(dance).rotations)[0]
    names = skeleton().names
    return {name: (maps[k] @ [*body.joints[k], 1])[:3] for k, name in enumerate(names)}


@pytest.mark.parametrize(("axis", "vector"), [("x", [1, 0, 0]), ("y", [0, 1, 0]), ("z", [0, 0, 1])])
def test_turn_is_rodrigues_about_the_axis(axis, vector):
    assert turn(axis, 37.0) == pytest.approx(about(np.array(vector, float), 37.0))


def test_frame_is_orthonormal():
    basis = frame(np.array([1.0, 2, 3]), np.array([0.0, 1, 0]))
    assert basis @ basis.T == pytest.approx(np.eye(3))
    assert np.linalg.det(basis) == pytest.approx(1)


def test_identity_rotations_give_the_reference_pose():
    body = Body({"height": 0.3, "gender": 0.0})
    maps = body.transforms(np.tile(np.eye(3), (1, len(skeleton().names), 1, 1)))
    assert skin(body.reference, skeleton().weights, maps[0]) == pytest.approx(body.reference, abs=1e-5)


def test_rotations_are_rotations():
    rotations = Rig(chart.reference()).motion(still_dance(bend=20, heading=50)).rotations
    assert np.linalg.det(rotations) == pytest.approx(1, abs=1e-4)


def test_raised_arm_is_above_the_head_and_hanging_arm_below_the_waist():
    placed = joints(still_dance(**arm("left", "up"), **arm("right", "rest")))
    assert placed["wrist.L"][2] > placed["head"][2] + 0.15
    assert placed["wrist.R"][2] < placed["spine04"][2]


def test_crossed_arms_cross():
    placed = joints(still_dance(**arm("left", "cross"), **arm("right", "cross")))
    assert placed["wrist.L"][0] < placed["wrist.R"][0]


def test_left_and_right_mirror():
    left = joints(still_dance(**arm("left", "goal")))["wrist.L"]
    right = joints(still_dance(**arm("right", "goal")))["wrist.R"]
    assert right * [-1, 1, 1] == pytest.approx(left, abs=0.01)


def test_legs_reach_the_feet_of_the_dance():
    body = chart.reference()
    placed = joints(still_dance(drop=0.2))
    assert placed["foot.L"][0] == pytest.approx(0.13 * body.leg, abs=0.01)
    assert placed["foot.L"][2] == pytest.approx(placed["foot.R"][2], abs=0.01)
    assert placed["lowerleg01.L"][1] < placed["foot.L"][1] - 0.05  # knees bend to the front


def test_heading_turns_the_body():
    placed = joints(still_dance(heading=90))
    across = placed["upperarm01.L"] - placed["upperarm01.R"]
    assert abs(across[1]) > 0.9 * np.linalg.norm(across)
