from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.video.clips import write_clip
from vidgan.errors import OutputError
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.head import HeadPose, from_head, rotation_of, to_head
from vidgan.face.mouths import SIZE, Mouths
from vidgan.face.regions import OVAL
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.film_face import FilmFaceConfig, FilmFaceStage
from vidgan.stages.portrait import PortraitConfig, PortraitStage
from vidgan.subject.animate import FacePainter
from vidgan.subject.portrait import Portrait, by_colour, oval_of, plate_joined, refined

PICTURE = ROOT / "samples" / "faces" / "portrait.jpg"


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The synthetic portrait, 1079 pixels wide and 809 high, and its face stage."""
    folder = tmp_path_factory.mktemp("odd")
    wide = np.full((809, 1079, 3), 96, np.uint8)
    wide[:, 135:944] = cv2.resize(cv2.imread(str(PICTURE)), (809, 809), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "odd.png"), wide)
    (folder / "face").mkdir()
    context = StageContext(folder / "face", {"video": folder / "odd.png"}, "cpu", 0, Silent())
    FilmFaceStage(FilmFaceConfig(masks=True)).run(context)
    return folder


def portrait_of(odd, folder, face=None, **settings):
    """The portrait stage on it: what it made, and what it said."""
    folder.mkdir(exist_ok=True)
    progress = Silent()
    inputs = {"video": odd / "odd.png", "face": face or odd / "face"}
    PortraitStage(PortraitConfig(**settings)).run(StageContext(folder, inputs, "cpu", 0, progress))
    return Portrait.load(folder), progress


def test_landmarks_stay_where_they_were_found_when_a_side_is_odd(odd, tmp_path, monkeypatch):
    monkeypatch.setattr("vidgan.stages.portrait.looks_of", lambda portrait: portrait.looks)
    found = FaceTrack.load(odd / "face" / "track.npz").points[0]
    portrait, progress = portrait_of(odd, tmp_path / "whole")
    assert portrait.picture.shape == portrait.plate.shape == (808, 1078, 3)
    np.testing.assert_array_equal(portrait.picture, cv2.imread(str(odd / "odd.png"))[:808, :1078, ::-1])
    np.testing.assert_allclose(portrait.points, found, atol=1e-3)
    assert progress.warnings == []
    small, _ = portrait_of(odd, tmp_path / "small", max_side=500)
    height, width = small.picture.shape[:2]
    assert width == 500
    np.testing.assert_allclose(small.points[:, :2], found[:, :2] * [width / 1079, height / 809], atol=1e-3)


def test_a_face_moves_though_the_segmenter_saw_nobody(odd, tmp_path):
    blind = tmp_path / "face"
    blind.mkdir()
    for name in ("track.npz", "cuts.npy"):
        (blind / name).write_bytes((odd / "face" / name).read_bytes())
    np.save(blind / "masks.npy", np.zeros_like(np.load(odd / "face" / "masks.npy")))
    portrait, progress = portrait_of(odd, tmp_path / "portrait", blind)
    assert any("outline was not found (0% of the face" in warning for warning in progress.warnings)
    inside = oval_of(portrait.points, portrait.matte.shape) > 250
    assert (portrait.matte == 255).all()
    np.testing.assert_array_equal(portrait.spread, portrait.picture)
    home = portrait.pose
    pose = HeadPose(rotation_of(np.array([[15.0, 0, 0]])) @ home.rotation, home.scale, home.translation)
    points = from_head(to_head(portrait.points[None], home)[0], pose)
    painted = FacePainter(portrait, Driven(points, pose, np.zeros((1, 2)), points), None).paint(0)
    assert np.abs(painted.astype(int) - portrait.picture)[inside].mean() > 3
    with MeshBackend(FaceConfig()) as backend:
        shown = backend.detect(painted, 0, 0.0)[0].image
    asked, stood = (np.abs(shown[4] - where[4, :2]).max() for where in (points[0], portrait.points))
    assert asked < stood


def test_a_hole_of_the_segmenter_in_the_face_is_closed(odd, tmp_path, monkeypatch):
    monkeypatch.setattr("vidgan.stages.portrait.looks_of", lambda portrait: portrait.looks)
    track, masks = FaceTrack.load(odd / "face" / "track.npz"), np.load(odd / "face" / "masks.npy")
    brow = (track.image[0, 9] * masks.shape[2] / track.width).astype(int)
    masks[0, brow[1] - 12 : brow[1] + 12, brow[0] - 12 : brow[0] + 12] = 0
    (tmp_path / "face").mkdir()
    track.save(tmp_path / "face" / "track.npz")
    np.save(tmp_path / "face" / "cuts.npy", np.zeros(0, np.int64))
    np.save(tmp_path / "face" / "masks.npy", masks)
    portrait, progress = portrait_of(odd, tmp_path / "portrait", tmp_path / "face")
    assert progress.warnings == []
    assert (portrait.matte[oval_of(portrait.points, portrait.matte.shape) > 250] > 240).all()
    assert (portrait.matte < 5).mean() > 0.1


def test_what_the_segmenter_half_takes_for_the_person_is_settled_by_its_colours(odd, tmp_path, monkeypatch):
    """What is beside the hair."""
    monkeypatch.setattr("vidgan.stages.portrait.looks_of", lambda portrait: portrait.looks)
    masks = np.load(odd / "face" / "masks.npy")
    left, right, top, bottom = 350, 368, 245, 310
    across, down = masks.shape[2] / 1079, masks.shape[1] / 809
    masks[0, round(down * top) : round(down * bottom), round(across * left) : round(across * right)] = 190
    (tmp_path / "face").mkdir()
    for name in ("track.npz", "cuts.npy"):
        (tmp_path / "face" / name).write_bytes((odd / "face" / name).read_bytes())
    np.save(tmp_path / "face" / "masks.npy", masks)
    portrait, _ = portrait_of(odd, tmp_path / "portrait", tmp_path / "face")
    beside = np.s_[275:300, 358:366]
    assert refined(masks[0], np.ascontiguousarray(cv2.imread(str(odd / "odd.png"))[..., ::-1]))[beside].mean() > 25
    assert portrait.matte[beside].mean() < 8


def test_a_drawn_matte_stays_within_the_outline_of_the_face():
    angle = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    points = np.zeros((478, 3))
    points[list(OVAL), :2] = 100 + np.stack([60 * np.sin(angle), -80 * np.cos(angle)], 1)
    matte = oval_of(points, (200, 200))
    y, x = np.mgrid[0:200, 0:200] + 0.5
    radius = np.hypot((x - 100) / 60, (y - 100) / 80)
    assert (matte[radius < 0.9] > 250).all()
    assert (matte[radius > 1.05] < 5).all()


def test_a_portrait_that_cannot_be_written_says_so(tmp_path):
    none = Mouths(np.zeros((0, *SIZE, 3), np.uint8), np.zeros((0, 20, 2), np.float32), np.zeros((0, 3), np.float32))
    black = np.zeros((8, 8, 3), np.uint8)
    portrait = Portrait(black, black[..., 0], black, np.zeros((478, 3), np.float32), none)
    with pytest.raises(OutputError, match=r"picture.png: cannot be written") as error:
        portrait.save(tmp_path / "nowhere")
    assert "\n" not in str(error.value)


def strand_and_shade():
    """A dark person, one loose strand of hair beside them, and a patch that the segmenter half takes for them."""
    rng = np.random.default_rng(0)
    plate = np.clip(150 + rng.normal(0, 3, (400, 400, 3)), 0, 255).astype(np.uint8)
    picture, matte = plate.copy(), np.zeros((400, 400), np.uint8)
    picture[200:, 100:300], matte[200:, 100:300] = (40, 35, 30), 255
    picture[192:200, 150:152] = (40, 35, 30)
    matte[300:340, 300:330] = 140
    return picture, matte, plate


HERE = np.pad(np.ones((60, 60), bool), ((160, 180), (120, 220)))
"""Where the strand is."""


@pytest.mark.parametrize("seen", [True, False, HERE, ~HERE])
def test_colours_settle_what_the_segmenter_is_unsure_of(seen):
    """Strands are found where the plate was seen, and only there."""
    picture, matte, plate = strand_and_shade()
    settled = by_colour(picture, matte, plate, seen)
    assert settled[305:335, 305:325].max() < 10
    np.testing.assert_array_equal(settled[205:, 105:295], 255)
    strand = settled[195:199, 150:152]
    assert strand.min() > 200 if np.all(np.logical_and(seen, HERE) == HERE) else strand.max() == 0
    assert settled[:180].max() == 0
    assert settled[185:197, 160:290].max() < 10  # grain is no hair


def test_a_matte_of_nobody_stays_as_it_is():
    picture, _, plate = strand_and_shade()
    half = np.full((400, 400), 128, np.uint8)
    np.testing.assert_array_equal(by_colour(picture, half, plate, True), half)


def test_something_grey_beside_the_hair_of_who_never_moves_is_none_of_it(tmp_path, monkeypatch):
    """Nothing is ever uncovered there: the plate beside the person is guessed."""
    monkeypatch.setattr("vidgan.stages.portrait.looks_of", lambda portrait: portrait.looks)
    picture = cv2.imread(str(PICTURE))[..., ::-1].copy()
    still = write_clip(tmp_path / "still.mp4", [picture] * 4)
    picture[160:172, 100:110] = (70, 60, 58)
    beside = write_clip(tmp_path / "beside.mp4", [picture] * 4)
    for name in ("face", "portrait"):
        (tmp_path / name).mkdir()
    context = StageContext(tmp_path / "face", {"video": still}, "cpu", 0, Silent())
    FilmFaceStage(FilmFaceConfig(masks=True)).run(context)
    inputs = {"video": beside, "face": tmp_path / "face"}
    facts = PortraitStage(PortraitConfig()).run(StageContext(tmp_path / "portrait", inputs, "cpu", 0, Silent()))
    portrait = Portrait.load(tmp_path / "portrait")
    assert facts["steady"]
    assert portrait.seen[100, :80].all()
    assert not portrait.seen[160:172, 106:110].any()
    assert portrait.matte[160:172, 100:111].max() == 0


def test_what_is_filled_meets_the_picture_whatever_was_guessed():
    """A wrong guess of 40 grey levels, and a rim that a person who moves by 10 pixels would show."""
    picture = np.full((600, 900, 3), 90, np.uint8)
    matte = np.zeros((600, 900), np.uint8)
    cv2.ellipse(matte, (450, 330), (180, 240), 0, 0, 360, 255, -1)
    picture[matte > 0] = (200, 40, 40)
    filled = np.full_like(picture, 130)
    plate = plate_joined(picture, matte, filled).astype(int)
    assert np.abs(plate - 90).max() <= 5
    assert np.abs(plate - 90).mean() < 0.2
    assert np.abs(plate_joined(picture, np.full_like(matte, 255), filled).astype(int) - 130).max() <= 1
