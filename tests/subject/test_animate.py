from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.face.faces import pose
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.head import from_head, head_pose_of, neutral_mesh, to_head, triangles
from vidgan.face.mesh import MeshFlow, closed_triangles, edge_on, mesh_flow, polygon, pull, strip
from vidgan.face.mouths import SIZE, Mouths, cut
from vidgan.face.regions import (
    LEFT_EYE,
    LEFT_EYE_CORNERS,
    LEFT_LIDS,
    LIPS_INNER,
    LIPS_OUTER,
    MESH,
    RIGHT_EYE,
    RIGHT_LIDS,
    RIGID,
)
from vidgan.face.transfer import Driven, Filmed
from vidgan.metrics.face_follow import angle_between
from vidgan.stages.portrait import looks_of
from vidgan.subject.animate import FacePainter
from vidgan.subject.filmed import FilmPainter
from vidgan.subject.head_flow import moving_window
from vidgan.subject.mouth_layer import Borrowed, choose_mouths, filled
from vidgan.subject.portrait import Portrait, plate_behind, refined

NONE = Mouths(np.zeros((0, *SIZE, 3), np.uint8), np.zeros((0, 20, 2), np.float32), np.zeros((0, 3), np.float32))


@pytest.fixture(scope="module")
def portrait():
    rgb = cv2.imread(str(ROOT / "samples" / "faces" / "portrait.jpg"))[..., ::-1].copy()
    with MeshBackend(FaceConfig(), masks=True) as backend:
        face, matte = backend.detect(rgb, 0, 0.0)[0], refined(backend.segment(rgb), rgb)
    points = np.column_stack([face.image, face.depth])
    return Portrait(rgb, matte, plate_behind(rgb, matte), points, NONE)


def moved(portrait, degrees=(0.0,), mouth=0.0):
    """The portrait's face turned by degrees of yaw, its lower lip lower by `mouth` eye distances."""
    from vidgan.face.head import rotation_of

    home = portrait.pose
    turn = rotation_of(np.array([[d, 0, 0] for d in degrees]))
    pose = type(home)(turn @ home.rotation, np.repeat(home.scale, len(turn)), np.repeat(home.translation, len(turn), 0))
    head = to_head(portrait.points[None], home)[0]
    below = np.flatnonzero(head[:, 1] > head[14, 1] + 0.005)
    head[np.union1d(below, [*LIPS_INNER[1:10], *LIPS_OUTER[1:10]]), 1] += mouth
    points = from_head(head, pose)
    return Driven(points, pose, np.zeros((len(turn), 2)), points)


def test_strips_fill_their_ring():
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.stack([20 - 15 * np.cos(angle), 20 + 15 * np.sin(angle)], 1)
    covered = mesh_flow(ring, ring, strip(tuple(range(12))), (40, 40)).inside
    assert (covered | (polygon(ring, (40, 40), 0) < 0.99)).all()
    assert covered.sum() < 1.15 * polygon(ring, (40, 40), 0).sum()


def test_a_mesh_carries_an_affine_exactly():
    rng = np.random.default_rng(0)
    driving = np.array([[5, 5], [60, 8], [55, 50], [4, 44]], np.float32) + rng.normal(0, 1, (4, 2))
    linear, shift = np.array([[0.9, 0.2], [-0.1, 1.1]]), np.array([3.0, -2.0])
    flow = mesh_flow(driving, driving @ linear.T + shift, np.array([[0, 1, 2], [0, 2, 3]], np.int32), (64, 64))
    assert isinstance(flow, MeshFlow)
    y, x = np.nonzero(flow.inside)
    here = np.stack([x, y], 1) + 0.5
    np.testing.assert_allclose(flow.where[flow.inside], here @ linear.T + shift, atol=0.02)


def test_the_nearer_triangle_hides_the_farther():
    square = np.array([[2, 2], [30, 2], [30, 30], [2, 30]], np.float32)
    points = np.concatenate([square, square])
    faces = np.array([[0, 1, 2], [4, 5, 6]], np.int32)
    source = np.concatenate([square, square + 100])
    far_first = np.array([0, 0, 0, 0, 9, 9, 9, 9.0])
    assert mesh_flow(points, source, faces, (32, 32), far_first).where[5, 20, 0] < 32
    assert mesh_flow(points, source, faces, (32, 32), -far_first).where[5, 20, 0] > 100


def test_pulling_through_its_own_places_changes_nothing():
    picture = np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8)
    y, x = np.mgrid[0:20, 0:30].astype(np.float32) + 0.5
    np.testing.assert_array_equal(pull(picture, np.stack([x, y], -1)), picture)


def test_at_rest_the_picture_is_itself_to_the_last_grey_level(portrait):
    painted = FacePainter(portrait, moved(portrait), None).paint(0)
    np.testing.assert_array_equal(painted, portrait.picture)


def test_a_turned_head_leaves_the_background_alone(portrait):
    painted = FacePainter(portrait, moved(portrait, (18.0,)), None).paint(0)
    away = cv2.dilate(portrait.matte, np.ones((41, 41), np.uint8)) < 5
    assert away.mean() > 0.1
    assert np.abs(painted.astype(int) - portrait.picture)[away].max() <= 1
    face = polygon(portrait.points[[10, 338, 454, 152, 234, 109], :2], portrait.matte.shape, 0) > 0.9
    assert np.abs(painted.astype(int) - portrait.picture)[face].mean() > 3


@pytest.mark.parametrize("yaw", [-20.0, 15.0])
def test_the_turn_is_found_again_in_the_picture(portrait, yaw):
    looks = looks_of(portrait)
    driven, asked = moved(portrait, (yaw / looks[0],)), moved(portrait, (yaw,))
    painted = FacePainter(portrait, driven, None).paint(0)
    with MeshBackend(FaceConfig()) as backend:
        face = backend.detect(painted, 0, 0.0)[0]
    found = head_pose_of(np.column_stack([face.image, face.depth])[None]).rotation
    assert 0.4 < looks[0] < 1.1
    assert angle_between(found, asked.pose.rotation)[0] < 4


@pytest.mark.parametrize("yaw", [-25.0, 25.0])
def test_beside_a_turned_cheek_nothing_ripples(portrait, yaw):
    """From row to row along the face's outline, the motion of what is beside it changes evenly."""
    driven = moved(portrait, (yaw,))
    painter = FacePainter(portrait, driven, None)
    where = painter.flow.at(0)
    here = driven.points[0, :MESH, :2] - painter.window[:2]
    covered = mesh_flow(here, here, closed_triangles(), where.shape[:2]).inside
    away = cv2.distanceTransform((~covered).astype(np.uint8), cv2.DIST_L2, 3)
    middle = here[[10, 152]].mean(0)
    y = np.arange(len(where))[:, None]
    unit = portrait.pose.scale[0]
    beside = (away > 0.02 * unit) & (away < 0.15 * unit) & (np.abs(y - middle[1]) < 0.5 * unit)
    bends = np.abs(np.diff(where[..., 0], 2, axis=0))[beside[1:-1]]
    assert beside.sum() > 100
    assert np.quantile(bends, 0.9) < 0.075


def test_what_is_seen_from_the_side_is_told():
    flat, aside = (from_head(neutral_mesh(), pose((yaw, 0, 0)))[0][:MESH] for yaw in (0, 70))
    turned = edge_on(aside)
    assert edge_on(flat).mean() < 0.03
    assert turned.mean() > 0.15
    assert not turned[len(triangles()) :].any()


def test_a_triangle_that_is_hardly_seen_does_not_say_where_its_pixels_are_from(portrait):
    driven = moved(portrait, (35.0,))
    faces, away = closed_triangles(), edge_on(driven.points[0, :MESH])
    hidden = np.setdiff1d(faces[away], [*faces[~away].ravel(), *RIGID])
    home = portrait.points.copy()
    home[hidden, 0] += 20
    flows = [FacePainter(one, driven, None).flow.at(0) for one in (portrait, replace(portrait, points=home))]
    assert len(hidden) > 0
    np.testing.assert_allclose(flows[1], flows[0], atol=1e-3)


def test_a_mouth_that_opens_farther_shows_its_teeth_no_longer():
    """Of a mouth picture far lower than the mouth it is drawn into, the upper teeth nearly keep their size."""
    picture = np.full((*SIZE, 3), 60, np.uint8)
    angle = np.linspace(0, 2 * np.pi, len(LIPS_INNER), endpoint=False)
    ring = np.stack([80 - 56 * np.cos(angle), 60 + 20 * np.sin(angle)], 1).astype(np.float32)
    picture[:60] = 240
    tall = np.stack([80 - 56 * np.cos(angle), 60 + 50 * np.sin(angle)], 1)
    low, high = (filled(picture, ring, place, (120, 160))[:, 80, 0] for place in (ring.astype(np.float64), tall))
    teeth = [(column[at - 4 : at + 80] > 150).sum() for column, at in ((low, 40), (high, 10))]
    assert teeth[1] < 1.8 * teeth[0]
    assert high[101:107].max() < 75  # it is darker below than on average


def lender(portrait, colour):
    """Mouths whose inside is one colour."""
    driven = moved(portrait, mouth=0.2)
    canvas = np.full_like(portrait.picture, colour)
    inside, ring = cut(canvas, driven.points[0])
    return driven, Mouths(inside[None], ring[None], portrait.skin[None])


def test_an_open_mouth_is_borrowed_where_the_picture_shows_none(portrait):
    driven, lent = lender(portrait, (30, 200, 30))
    middle = driven.points[0][[13, 14], :2].mean(0).astype(int)
    with_it = FacePainter(portrait, driven, lent).paint(0)[middle[1], middle[0]].astype(int)
    without = FacePainter(portrait, driven, None).paint(0)[middle[1], middle[0]].astype(int)
    assert with_it[1] > with_it[0] + 80
    assert without[1] < without[0] + 30


def test_a_shut_mouth_borrows_nothing(portrait):
    _, lent = lender(portrait, (0, 255, 0))
    painted = FacePainter(portrait, moved(portrait), lent).paint(0)
    np.testing.assert_array_equal(painted, portrait.picture)


def test_a_video_shows_its_own_mouths_where_it_has_them(portrait):
    driven, own = lender(portrait, (200, 30, 30))
    filmed = replace(portrait, mouths=own)
    _, lent = lender(portrait, (30, 200, 30))
    chosen = choose_mouths(filmed, driven, lent)
    assert chosen.share.max() == 0
    middle = driven.points[0][[13, 14], :2].mean(0).astype(int)
    colour = FacePainter(filmed, driven, lent).paint(0)[middle[1], middle[0]].astype(int)
    assert colour[0] > colour[1] + 80


NOTHING = Borrowed(np.zeros(1, np.int64), np.zeros(1, np.float32))


def filmed_once(portrait, share=1.0):
    return Filmed(
        np.zeros(1, np.int64), portrait.points[None].astype(np.float64), np.array([share]), np.zeros(1, np.int64)
    )


@pytest.mark.parametrize("steady", [True, False])
def test_a_filmed_frame_is_itself_at_rest_and_outside_the_head(portrait, steady):
    film = replace(portrait, steady=steady)
    frame = np.clip(portrait.picture.astype(int) - 20, 0, 255).astype(np.uint8)
    still, turned = (FilmPainter(film, filmed_once(film), moved(film, (d,)), None, NOTHING) for d in (0.0, 15.0))
    np.testing.assert_array_equal(still.paint(0, frame, portrait.matte), frame)
    left, top, right, bottom = moving_window(portrait.pose, frame.shape)
    painted = turned.paint(0, frame, portrait.matte).astype(int)
    inside = np.zeros(frame.shape[:2], bool)
    inside[top:bottom, left:right] = True
    assert np.abs(painted - frame)[~inside].max(initial=0) == 0
    assert np.abs(painted - frame)[inside].mean() > 2
    # As dark as the frame, not as the picture at rest.
    away = cv2.dilate(portrait.matte, np.ones((41, 41), np.uint8)) < 5
    assert np.abs(painted - frame)[away].max() <= 1


@pytest.mark.parametrize("seen", [True, False])
def test_on_film_a_strand_of_hair_moves_with_the_head_where_the_plate_was_seen(portrait, seen):
    """A dark strand beside the hair. Before a plate that is guessed it could be anything."""
    film = replace(portrait, seen=np.full(portrait.matte.shape, seen))
    frame = portrait.picture.copy()
    frame[120:132, 106:110] = frame[126, 118]
    home, shift = portrait.pose, np.array([8.0, 0, 0])
    points = portrait.points[None] + shift
    aside = Driven(points, replace(home, translation=home.translation + shift), np.zeros((1, 2)), points)
    painter = FilmPainter(film, filmed_once(film), aside, None, NOTHING)
    with_it, without = (painter.paint(0, it, portrait.matte).astype(int) for it in (frame, portrait.picture))
    moved_strand = (with_it - without)[122:130, 115:118].mean()
    assert moved_strand < -12 if seen else abs(moved_strand) < 1


def test_eyes_and_own_mouths_are_in_the_light_of_the_frame(portrait):
    """The film's frame is half as bright as the one at rest, whose eyes and mouths are shown in it."""
    driven, own = lender(portrait, (200, 160, 150))
    film = replace(portrait, mouths=own)
    driven = Driven(driven.points, driven.pose, np.array([[0.12, 0.0]]), driven.asked)
    mouths = choose_mouths(film, driven, None)
    bright, dark = portrait.picture, (portrait.picture // 2).astype(np.uint8)
    lit, dim = (
        FilmPainter(film, filmed_once(film), driven, None, mouths).paint(0, it, portrait.matte) for it in (bright, dark)
    )
    for ring in (LEFT_EYE, RIGHT_EYE, LIPS_INNER):
        inside = polygon(driven.points[0][list(ring), :2], bright.shape, 0) > 0.95
        assert dim[inside].mean() / lit[inside].mean() == pytest.approx(0.5, abs=0.06)


def test_mouths_filmed_in_another_light_are_brought_to_the_frames(portrait):
    """The same mouth, once as bright as the frame and once from a moment with half the light."""
    driven, own = lender(portrait, (200, 160, 150))
    dark = replace(own, pictures=own.pictures // 2, skin=own.skin / 2)
    inside = polygon(driven.points[0][list(LIPS_INNER), :2], portrait.picture.shape, 0) > 0.95
    shown = [FacePainter(replace(portrait, mouths=it), driven, None).paint(0)[inside].mean() for it in (own, dark)]
    assert shown[1] == pytest.approx(shown[0], rel=0.03)


def test_a_frame_without_a_face_is_shown_as_filmed(portrait):
    frame = np.zeros_like(portrait.picture)
    painter = FilmPainter(portrait, filmed_once(portrait, 0.0), moved(portrait, (15.0,)), None, NOTHING)
    assert painter.paint(0, frame, np.zeros((8, 8), np.uint8)) is frame


def test_an_eye_that_is_shut_on_film_opens_with_the_eyes_at_rest(portrait):
    """The frame's eyes are painted over with skin; asked is an eye as at rest, looking elsewhere."""
    frame = portrait.picture.copy()
    rings = [list(ring) for ring in (LEFT_EYE, RIGHT_EYE)]
    for ring in rings:
        cv2.fillPoly(frame, [portrait.points[ring, :2].astype(np.int32)], portrait.mouths.skin.tolist())
    driven = moved(portrait)
    driven = Driven(driven.points, driven.pose, np.array([[0.12, 0.0]]), driven.asked)
    painted = FilmPainter(portrait, filmed_once(portrait), driven, None, NOTHING).paint(0, frame, portrait.matte)
    for ring in rings:
        inside = polygon(portrait.points[ring, :2], frame.shape, 0) > 0.95
        assert frame[inside].mean(-1).std() < 1
        assert painted[inside].mean(-1).std() > 15


def test_shut_lids_show_hardly_any_white(portrait):
    """Landmarks a little within the eye leave out white of it above and below."""
    home = portrait.points.copy()
    for ring in (LEFT_EYE, RIGHT_EYE):
        middle = home[list(ring), :2].mean(0)
        home[list(ring), :2] = middle + [1, 0.75] * (home[list(ring), :2] - middle)
    one = replace(portrait, points=home)
    driven = moved(one)
    points = driven.points.copy()
    eyes = [(list(LEFT_EYE), list(LEFT_LIDS)), (list(RIGHT_EYE), list(RIGHT_LIDS))]
    for ring, _ in eyes:
        lower, upper = ring[1:8], ring[:8:-1]
        points[0, upper, 1] = points[0, lower, 1] - 0.02 * one.pose.scale[0]
    painted = FacePainter(one, replace(driven, points=points), None).paint(0).mean(-1)
    for ring, around in eyes:
        skin = np.median(painted[polygon(points[0][around, :2], painted.shape, 0) > 0.9])
        wide = np.ptp(points[0][ring, 0])
        eye = polygon(points[0][ring, :2], painted.shape, 0.05 * wide) > 0.1
        assert (painted[eye] > 1.3 * skin).mean() < 0.08


def test_an_eye_whose_corners_meet_is_painted(portrait):
    driven = moved(portrait)
    points = driven.points.copy()
    points[0, LEFT_EYE_CORNERS[1]] = points[0, LEFT_EYE_CORNERS[0]]
    painted = FacePainter(portrait, replace(driven, points=points), None).paint(0).astype(int)
    away = polygon(portrait.points[list(RIGHT_EYE), :2], painted.shape[:2], 0) > 0.9
    assert np.abs(painted - portrait.picture)[away].max() <= 1


def wide_open(share):
    """A picture of stripes, as teeth are, and a ring that is `share` as tall as it is wide."""
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[::4] = picture[1::4] = 255
    angle = np.linspace(0, 2 * np.pi, len(LIPS_INNER), endpoint=False)
    return picture, np.stack([80 - 56 * np.cos(angle), 60 + share * 56 * np.sin(angle)], 1).astype(np.float32)


def test_teeth_in_a_narrow_slit_do_not_flicker():
    picture, ring = wide_open(0.9)
    _, slit = wide_open(0.1)
    levels = [filled(picture, ring, slit * 0.5 + [0, shift], (80, 90))[33:36, 35:45].mean() for shift in (0, 0.5, 1)]
    assert np.ptp(levels) < 25
    assert 90 < np.mean(levels) < 170


def test_a_portrait_survives_its_files(portrait, tmp_path):
    assert portrait.seen is None
    one = replace(portrait, seen=portrait.matte < 100)
    for kept in (portrait, one):
        kept.save(tmp_path)
        back = Portrait.load(tmp_path)
        for name in ("picture", "matte", "plate", "points"):
            np.testing.assert_array_equal(getattr(back, name), getattr(portrait, name))
        np.testing.assert_array_equal(back.seen, np.zeros_like(one.seen) if kept.seen is None else one.seen)
    assert len(back.mouths) == 0


def test_every_triangle_is_of_landmarks_of_the_mesh():
    assert closed_triangles().max() < MESH
