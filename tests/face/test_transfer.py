from __future__ import annotations

import numpy as np
import pytest

from tests.face.faces import lids, open_mouth, pose, talking, track_of
from vidgan.face import regions as at
from vidgan.face.expression import expression
from vidgan.face.head import angles, from_head, head_pose_of, neutral_mesh, rotation_of, to_head
from vidgan.face.transfer import SHUT, FaceTransferConfig, Filmed, drive, power, whole

WIDE = neutral_mesh() * [1.15, 0.95, 1.0]
"""Another person: a wider, lower face."""


def target(degrees=(8, 4, 0)):
    return from_head(WIDE, pose(degrees, scale=90, place=(300, 280)))[0]


def driven(config=None, heads=None, degrees=None, home=None):
    if heads is None:
        track, _ = talking(24)
    else:
        track = track_of(heads, pose(np.zeros((len(heads), 3)) if degrees is None else degrees))
    return track, drive(track.points, 0, target() if home is None else home, config or FaceTransferConfig())


def faces(result):
    return expression(to_head(result.points, result.pose))


def test_at_the_drivers_rest_the_target_is_as_it_was():
    _, result = driven()
    np.testing.assert_allclose(result.points[0], target(), atol=1e-3)
    np.testing.assert_allclose(result.gaze[0], 0, atol=1e-9)


def test_the_drivers_face_shape_does_not_reach_the_target():
    long_face = neutral_mesh() * [0.85, 1.2, 1.0]
    heads = [long_face, open_mouth(long_face, 0.1)]
    other = [neutral_mesh(), open_mouth(neutral_mesh(), 0.1)]
    (_, one), (_, two) = driven(heads=heads), driven(heads=other)
    still = [i for i in range(at.MESH) if neutral_mesh()[i, 1] < 0.2]
    np.testing.assert_allclose(one.points[1][still], two.points[1][still], atol=1.5)
    np.testing.assert_allclose(one.points[0], two.points[0], atol=1e-3)


def test_head_turns_are_added_to_the_targets_own():
    degrees = np.array([[5.0, 0, 0], [25.0, 0, 0], [-15.0, 6, 0]])
    _, result = driven(heads=[neutral_mesh()] * 3, degrees=degrees, home=target((0, 0, 0)))
    start = angles(result.pose.rotation)[0]
    np.testing.assert_allclose(angles(result.pose.rotation)[1] - start, [20, 0, 0], atol=0.5)
    np.testing.assert_allclose(angles(result.pose.rotation)[2, 0] - start[0], -20, atol=0.5)


def test_absolute_motion_takes_the_drivers_angles():
    track, result = driven(FaceTransferConfig(motion="absolute"))
    from vidgan.face.head import head_pose

    np.testing.assert_allclose(result.pose.rotation, head_pose(track).rotation, atol=1e-6)


def test_absolute_motion_opens_a_shut_mouth_as_far_as_the_drivers():
    heads = [open_mouth(neutral_mesh(), 0.12)] * 2
    asked = expression(np.array(heads)).mouth[0]
    _, relative = driven(heads=heads)
    _, absolute = driven(FaceTransferConfig(motion="absolute"), heads=heads)
    assert faces(relative).mouth[1] < 0.05
    assert faces(absolute).mouth[1] == pytest.approx(asked, rel=0.25)


@pytest.mark.parametrize("own", [0.6, 1.5], ids=["narrow", "wide"])
@pytest.mark.parametrize("rest", [0.7, 1.4], ids=["narrowed", "staring"])
def test_absolute_motion_takes_the_drivers_openness_of_the_eyes(own, rest):
    heads = [lids(neutral_mesh(), share) for share in (rest, 0.15, 1.3 * rest)]
    home = from_head(lids(neutral_mesh(), own), pose((0, 0, 0), scale=90, place=(300, 280)))[0]
    _, result = driven(FaceTransferConfig(motion="absolute"), heads=heads, home=home)
    asked, found = expression(np.array(heads)).eyes, faces(result).eyes
    np.testing.assert_allclose(found[[0, 2]], asked[[0, 2]], atol=0.015)
    assert found[1] < SHUT


def test_shut_stays_shut_and_the_mouth_opens_as_far_for_its_width():
    heads = [neutral_mesh(), lids(neutral_mesh(), 0.12), open_mouth(neutral_mesh(), 0.12)]
    _, result = driven(heads=heads)
    found = faces(result)
    assert found.eyes[1] < 0.15 * found.eyes[0]
    assert found.mouth[2] - found.mouth[0] > 0.08
    assert found.eyes[2] == pytest.approx(found.eyes[0], rel=0.05)


def test_lids_and_lips_never_pass_through_each_other():
    heads = [open_mouth(neutral_mesh(), 0.05), lids(neutral_mesh(), -0.5)]
    _, result = driven(FaceTransferConfig(strength=2), heads=heads)
    head = to_head(result.points, result.pose)
    for ring in (at.LEFT_EYE, at.RIGHT_EYE, at.LIPS_INNER):
        half = len(ring) // 2
        assert (head[:, list(ring[1:half]), 1] - head[:, list(ring[:half:-1]), 1] >= -1e-6).all()


@pytest.mark.parametrize(
    ("region", "mouth", "eyes", "head"),
    [("all", True, True, True), ("expression", True, True, False), ("lips", True, False, False),
     ("eyes", False, True, False), ("pose", False, False, True)],
)  # fmt: skip
def test_regions(region, mouth, eyes, head):
    _, result = driven(FaceTransferConfig(region=region))
    found = faces(result)
    assert (np.ptp(found.mouth) > 0.05) == mouth
    assert (np.ptp(found.eyes) > 0.05) == eyes
    assert (np.ptp(angles(result.pose.rotation)[:, 0]) > 5) == head


def test_strength_scales_all_of_it():
    (_, full), (_, half), (_, none) = (driven(FaceTransferConfig(strength=s)) for s in (1, 0.5, 0))
    yaw = [np.ptp(angles(one.pose.rotation)[:, 0]) for one in (full, half)]
    assert yaw[1] == pytest.approx(yaw[0] / 2, rel=0.05)
    mouth = [np.ptp(faces(one).mouth) for one in (full, half)]
    assert mouth[1] == pytest.approx(mouth[0] / 2, rel=0.1)
    np.testing.assert_allclose(none.points, np.broadcast_to(target(), none.points.shape), atol=1e-3)


def test_shares_of_rotations():
    whole_turn = rotation_of(np.array([[30.0, 0, 0], [0, 0, 0]]))
    np.testing.assert_allclose(angles(power(whole_turn, 0.5)), [[15, 0, 0], [0, 0, 0]], atol=1e-6)


def test_lost_frames_go_on_between_their_neighbours():
    track, _ = talking(10)
    points = track.points.copy()
    points[3:5] = np.nan
    present = track.present.copy()
    present[3:5] = False
    filled = whole(points, present, track.seconds)
    np.testing.assert_allclose(filled[3], points[2] + (points[5] - points[2]) / 3, atol=1e-3)


def test_lost_frames_beside_a_cut_are_filled_from_their_own_shot():
    track, _ = talking(12)
    points, present = track.points.copy(), np.ones(12, bool)
    present[[3, 4, 8, 9, 10, 11]] = False  # about the cut before 4, and all of the last shot
    points[~present] = np.nan
    filled = whole(points, present, track.seconds, np.repeat([0, 1, 2], 4))
    np.testing.assert_allclose(filled[[3, 4]], points[[2, 5]], atol=1e-3)
    np.testing.assert_allclose(filled[8:], np.broadcast_to(points[7], (4, *points[7].shape)), atol=1e-3)


def test_after_a_cut_the_head_counts_from_where_it_is_in_the_new_shot():
    """Two shots of a head that nods once, the second from nearer, from another side, and elsewhere in the frame."""
    degrees = np.zeros((20, 3))
    degrees[[4, 14], 1] = -6
    degrees[10:, 0] += 20
    poses = pose(degrees)
    poses.scale[10:] *= 1.6
    poses.translation[10:] += [90, 40, 0]
    track = track_of([neutral_mesh()] * 20, poses)
    home = target((0, 0, 0))
    result = drive(track.points, 0, home, FaceTransferConfig(), shots=np.repeat([0, 1], 10))
    np.testing.assert_allclose(result.pose.translation, np.broadcast_to(result.pose.translation[0], (20, 3)), atol=0.5)
    np.testing.assert_allclose(result.pose.scale, result.pose.scale[0], rtol=0.01)
    turns = angles(result.pose.rotation)
    np.testing.assert_allclose(turns[:, 0], turns[0, 0], atol=0.5)
    np.testing.assert_allclose(turns[[4, 14], 1] - turns[[5, 15], 1], -6, atol=0.5)


def test_a_large_eye_opens_no_farther_than_the_drivers_for_its_width():
    def openness(home):
        _, result = driven(heads=[neutral_mesh(), lids(neutral_mesh(), 1.3)], home=home)
        eyes = faces(result).eyes
        return eyes[1] - eyes[0]

    large = from_head(lids(neutral_mesh(), 1.5), pose((0, 0, 0), scale=90, place=(300, 280)))[0]
    usual = from_head(neutral_mesh(), pose((0, 0, 0), scale=90, place=(300, 280)))[0]
    assert openness(large) == pytest.approx(openness(usual), rel=0.15)


def test_a_nod_at_rest_is_no_rest_of_the_head():
    degrees = np.array([[0.0, -8, 0], *[[0.0, 0, 0]] * 4])
    _, result = driven(heads=[neutral_mesh()] * 5, degrees=degrees, home=target((0, 0, 0)))
    pitch = angles(result.pose.rotation)[:, 1]
    assert pitch[0] - pitch[1] == pytest.approx(-8, abs=0.5)
    np.testing.assert_allclose(result.points[1:], np.broadcast_to(target((0, 0, 0)), (4, 478, 3)), atol=1.5)


def film(heads, degrees, share=1.0):
    """The target filmed with its own expressions and head turns."""
    count = len(heads)
    shape = np.array(heads) * [1.15, 0.95, 1.0]
    own = pose(degrees, scale=90, place=(300, 280))
    return Filmed(np.arange(count), from_head(shape, own), np.full(count, share), np.zeros(count, np.int64))


def on_film(driver, degrees, filmed, **config):
    track = track_of(driver, pose(degrees))
    home = target((0, 0, 0))
    return drive(track.points, 0, home, FaceTransferConfig(**config), filmed=filmed)


REST, STILL = [neutral_mesh()] * 3, np.zeros((3, 3))
TURNS = np.array([[0.0, 0, 0], [12, 0, 0], [-12, 0, 0]])
TALK = [neutral_mesh(), lids(open_mouth(neutral_mesh(), 0.12), 0.2), open_mouth(neutral_mesh(), 0.06)]


def test_a_filmed_head_keeps_its_own_turns_and_takes_the_drivers_on_top():
    filmed = film(REST, TURNS)
    still = on_film(REST, STILL, filmed)
    np.testing.assert_allclose(still.points, filmed.points, atol=1e-3)
    both = on_film(REST, np.array([[0.0, 0, 0], [0, 6, 0], [10, 0, 0]]), filmed)
    np.testing.assert_allclose(angles(both.pose.rotation), [[0, 0, 0], [12, 6, 0], [-2, 0, 0]], atol=1.5)
    absolute = on_film(REST, TURNS[::-1], filmed, motion="absolute")
    np.testing.assert_allclose(angles(absolute.pose.rotation), TURNS[::-1], atol=0.5)


def test_what_a_filmed_face_plays_gives_way_to_the_driver():
    still = faces(on_film(REST, STILL, film(TALK, STILL)))
    assert np.ptp(still.mouth) < 0.01
    assert np.ptp(still.eyes) < 0.03
    alike = faces(on_film(TALK, STILL, film(TALK[::-1], STILL)))
    only = faces(on_film(TALK, STILL, film(REST, STILL)))
    np.testing.assert_allclose(alike.mouth, only.mouth, atol=0.01)
    np.testing.assert_allclose(alike.eyes, only.eyes, atol=0.03)


@pytest.mark.parametrize("region", ["lips", "eyes", "expression", "pose"])
def test_what_is_not_asked_stays_as_filmed(region):
    filmed = film(TALK, TURNS)
    result = on_film(TALK[::-1], TURNS[::-1], filmed, region=region)
    found, own = faces(result), expression(to_head(filmed.points, head_pose_of(filmed.points)))
    if region in ("lips", "pose"):
        np.testing.assert_allclose(found.eyes, own.eyes, atol=0.02)
        np.testing.assert_allclose(result.gaze, 0, atol=1e-9)
    if region in ("eyes", "pose"):
        np.testing.assert_allclose(found.mouth, own.mouth, atol=0.02)
    if region != "pose":
        np.testing.assert_allclose(angles(result.pose.rotation), TURNS, atol=0.5)


@pytest.mark.parametrize(("share", "strength"), [(0.0, 1.0), (1.0, 0.0)])
def test_no_share_and_no_strength_leave_the_film_as_it_is(share, strength):
    filmed = film(TALK, TURNS, share)
    result = on_film(TALK[::-1], TURNS[::-1], filmed, strength=strength)
    np.testing.assert_allclose(result.points, filmed.points, atol=1e-6)
    np.testing.assert_allclose(result.gaze, 0, atol=1e-9)


def test_an_unlucky_frame_at_rest_does_not_put_the_head_elsewhere():
    poses = pose(np.zeros((5, 3)))
    poses.translation[0, 0] += 20
    poses.scale[0] *= 1.1
    track = track_of([neutral_mesh()] * 5, poses)
    result = drive(track.points, 0, target((0, 0, 0)), FaceTransferConfig())
    np.testing.assert_allclose(result.points[1:], np.broadcast_to(target((0, 0, 0)), (4, 478, 3)), atol=1.5)
    assert result.pose.translation[0, 0] > result.pose.translation[1, 0] + 10
