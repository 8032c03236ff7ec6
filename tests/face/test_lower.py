import cv2
import numpy as np
import pytest

from tests.face.talker import frames_of, talking_track
from vidgan.face import regions as at
from vidgan.face.head import head_pose, to_head
from vidgan.face.lower import SIDE, Face, anchors, hull, laid, matched, strangers, warped, window_corner
from vidgan.face.mesh import polygon
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.subject.mouths import put, window

UNIT = 80.0


@pytest.fixture(scope="module")
def made():
    """Windows and faces of an open and a closed mouth, alike but for the mouth."""
    track = talking_track(6)
    pose = head_pose(track)
    head = to_head(track.points, pose)
    opening = mouth_opening(head)
    chosen = [int(opening.argmax()), int(opening.argmin())]
    pictures = frames_of(track[np.array(chosen)])
    rings = anchors(MouthShape.of(head, 4), pose[np.array(chosen)])
    side = 2 * round(SIDE * UNIT / 2)
    windows, faces = [], []
    for picture, index, ring in zip(pictures, chosen, rings, strict=True):
        points = track.image[index].astype(np.float64)
        corner = np.array(window_corner(points, side))
        windows.append(window(picture, corner, side))
        faces.append(Face(points - corner, ring - corner))
    return windows, faces, side


def inside(face, ring, side):
    return polygon(face.points[list(ring)], (side, side), 0) > 0.9


def test_picture_warped_to_its_own_face_stays(made):
    (picture, _), (face, _), side = made
    result = warped(picture, face, face, side)
    cover = hull([face], side, UNIT) > 0
    assert result.inside[cover].mean() > 0.97
    assert np.abs(result.picture - picture)[result.inside].mean() < 1


def test_closed_mouth_warped_over_an_open_one_hides_it(made):
    (opened, closed), (open_face, closed_face), side = made
    dark = inside(open_face, at.LIPS_INNER, side)
    assert opened[dark].mean() < 60
    patch = warped(closed, closed_face, closed_face, side)
    # The closed face at the open one's place: heads differ, so it is warped to what the open face would be, closed.
    cover = hull([open_face, closed_face], side, UNIT)
    shown = laid(opened, matched(patch, opened, [open_face, closed_face], cover, UNIT), cover)
    assert np.abs(shown.astype(int) - closed)[dark].mean() < 40


def test_hull_holds_both_mouths_and_leaves_the_nose(made):
    _, faces, side = made
    cover = hull(faces, side, UNIT)
    for face in faces:
        assert cover[inside(face, at.LIPS_OUTER, side)].min() > 0.95
        assert cover[tuple(face.points[197][::-1].astype(int).clip(0))] == 0  # the nose's bridge
    assert 0.05 < (cover > 0).mean() < 0.6


@pytest.mark.parametrize("larger", [1.0, 1.45, 2.0])
def test_hull_of_a_face_too_large_for_its_window_has_no_hard_edge(larger):
    points = larger * talking_track(1).image[0].astype(np.float64)
    side, unit = 2 * round(SIDE * UNIT / 2), larger * UNIT
    face = Face(points - np.array(window_corner(points, side)), np.zeros((0, 2)))
    cover = hull([face, face], side, unit)
    edges = np.concatenate([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
    assert edges.max() == 0
    assert cover.max() > 0.95
    assert max(np.abs(np.diff(cover, axis=axis)).max() for axis in (0, 1)) < 0.35


def test_outside_the_hull_nothing_changes(made):
    (picture, _), faces, side = made
    cover = hull(faces, side, UNIT)
    shown = laid(picture, np.zeros((side, side, 3), np.float32), cover)
    assert np.array_equal(shown[cover == 0], picture[cover == 0])
    assert (shown[cover == 1] == 0).all()


def test_other_light_is_matched(made):
    (picture, _), (face, _), side = made
    cover = hull([face], side, UNIT)
    tinted = (picture.astype(np.float32) * 0.9 + [0, 8, 16]).clip(0, 255).astype(np.uint8)
    patch = warped(tinted, face, face, side)
    result = matched(patch, picture, [face], cover, UNIT)
    skin = (cover > 0.9) & ~(polygon(face.points[list(at.LIPS_OUTER)], (side, side), 3) > 0)
    before = np.abs(patch.picture - picture)[skin].mean()
    after = np.abs(result - picture)[skin].mean()
    assert after < 0.35 * before


def test_less_light_on_skin_does_not_blacken_what_is_dark(made):
    (picture, _), (face, _), side = made
    cover = hull([face], side, UNIT)
    chin = tuple(face.points[152][::-1].astype(int))
    dark = picture.copy()
    dark[chin[0] - 6 : chin[0], chin[1] - 6 : chin[1] + 6] = 24  # hair before it
    darker = (picture * 0.8).astype(np.uint8)
    result = matched(warped(dark, face, face, side), darker, [face], cover, UNIT)
    assert result[chin[0] - 3, chin[1]] == pytest.approx(np.full(3, 0.8 * 24), abs=4)


def test_hand_before_the_chin_is_a_stranger_and_another_mouth_is_not(made):
    (opened, _), (face, _), side = made
    cover = hull([face], side, UNIT)
    assert strangers(opened, opened.astype(np.float32), face, cover, UNIT).max() == 0
    hand = opened.copy()
    chin = face.points[152].astype(int)
    cv2.rectangle(hand, (int(chin[0]) - 30, int(chin[1]) - 22), (int(chin[0]) + 5, side), (120, 90, 200), -1)
    found = strangers(hand, opened.astype(np.float32), face, cover, UNIT)
    assert found[chin[1] - 10, chin[0] - 12] > 0.9
    assert found[tuple(face.points[13][::-1].astype(int))] < 0.1


def test_window_goes_in_and_out_of_a_frame_over_its_edge():
    frame = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    for corner in ([-5, -7], [30, 25], [10, 5]):
        part = window(frame, np.array(corner), 20)
        assert part.shape == (20, 20, 3)
        assert np.array_equal(put(frame, part, np.array(corner)), frame)
    changed = put(frame, np.zeros((20, 20, 3), np.uint8), np.array([30, 25]))
    assert (changed[25:, 30:] == 0).all()
    assert np.array_equal(changed[:25], frame[:25])
