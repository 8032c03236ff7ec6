import numpy as np
import pytest

from tests.face.faces import lids, open_mouth
from tests.face.talker import talking_track
from vidgan.face import regions as at
from vidgan.face.head import head_pose, neutral_mesh, to_head
from vidgan.face.mouth import MouthShape, lip_distance, mouth_opening, speech_share


@pytest.fixture(scope="module")
def head():
    track = talking_track(6)
    return to_head(track.points, head_pose(track))


def test_speech_moves_lips_and_chin_and_leaves_eyes_nose_and_ears():
    share = speech_share()
    assert (share[list(at.LIPS)] == 1).all()
    assert share[152] == 1
    for landmark in (33, 263, 4, 1, 10, 234, 454, 468, 473):
        assert share[landmark] == 0
    assert ((share > 0) & (share < 1)).sum() > 20  # and fades out between


def test_few_coefficients_hold_the_mouth(head):
    shape = MouthShape.of(head, 4)
    again = shape.faces(shape.coefficients(head))
    assert lip_distance(again, head).mean() < 0.01
    assert lip_distance(np.broadcast_to(shape.mean, head.shape), head).mean() > 0.03
    gram = np.einsum("ajd,bjd->ab", shape.basis, shape.basis)
    assert gram == pytest.approx(np.eye(4), abs=1e-9)


def test_rest_is_the_closed_mouth(head):
    shape = MouthShape.of(head, 6)
    closed = mouth_opening(shape.faces(shape.rest[None]))[0]
    assert closed < np.percentile(mouth_opening(head), 15)


def test_replaced_mouth_keeps_the_rest_of_the_face():
    faces = np.stack([open_mouth(neutral_mesh(), a) for a in (0, 0.1, 0.2)])
    shape = MouthShape.of(faces, 2)
    squinting = lids(open_mouth(neutral_mesh(), 0.2), 0.3)[None]
    silent = shape.replaced(squinting, shape.coefficients(faces[:1]))
    eyes = [*at.LEFT_EYE, *at.RIGHT_EYE]
    assert silent[:, eyes] == pytest.approx(squinting[:, eyes])
    assert mouth_opening(silent) == pytest.approx(mouth_opening(faces[:1]), abs=0.01)
    assert lip_distance(silent, faces[:1]).max() < 0.01


def test_own_coefficients_change_nothing(head):
    shape = MouthShape.of(head, 25)
    assert np.abs(shape.replaced(head, shape.coefficients(head)) - head).max() < 0.02


def test_few_frames_give_few_coefficients_and_a_file_gives_it_all_back(head, tmp_path):
    shape = MouthShape.of(head[:4], 8)
    assert len(shape.spread) == 3
    shape.save(tmp_path / "shape.npz")
    again = MouthShape.load(tmp_path / "shape.npz")
    assert all(np.array_equal(value, vars(again)[name]) for name, value in vars(shape).items())
