from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.stages.killed import Killed, KilledAfter
from tests.subject.sticks import HEIGHT, WIDTH, save_pose, stick_track
from vidgan.errors import CacheError
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.encode import RenderedFrames
from vidgan.stages.render import Canvas, RenderConfig, RenderStage, aligned, canvas_for
from vidgan.stages.train import WEIGHTS
from vidgan.subject.footage import Picture
from vidgan.subject.model import Subject, motion_of
from vidgan.subject.paint import Previous
from vidgan.subject.reconstruct import Painter
from vidgan.subject.references import ReferenceConfig
from vidgan.subject.rig import BODY
from vidgan.tasks.repair import build_generator
from vidgan.train.checkpoint import save_network

REFERENCES = ReferenceConfig(count=2)
PHASE = 0.37
"""The driving motion is one that the target's clip does not show."""


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory):
    """A tiny generator whose output depends on all that it sees, the previous output included."""
    folder = tmp_path_factory.mktemp("model")
    torch.manual_seed(0)
    network = build_generator("repair", BODY.maps, REFERENCES.count, 8, 1)
    torch.nn.init.normal_(network.net.head.weight, std=0.2)
    facts = {"network": "repair", "maps": BODY.maps, "references": REFERENCES.count, "width": 8, "depth": 1}
    save_network(folder / WEIGHTS, network, facts)
    return folder


@pytest.fixture
def render(tmp_path, stick_subject_dir):
    """Renders a track into a folder and gives frames, facts, progress and index."""

    def run(name, track, model=None, progress=None, **settings):
        motion, folder = save_pose(tmp_path / f"{name}-motion", track), tmp_path / name
        folder.mkdir(exist_ok=True)
        progress = progress or Silent()
        inputs = {"subject": stick_subject_dir, "motion": motion, "model": model}
        config = RenderConfig(**{"references": REFERENCES, "segment": 4} | settings)
        facts = RenderStage(config).run(StageContext(folder, inputs, "cpu", 0, progress))
        rendered = RenderedFrames.load(folder)
        return np.stack([rgb for rgb, _ in rendered]), facts, progress, rendered

    return run


def plate_of(folder):
    return canvas_for(Subject.load(folder).plate, None).plate


def test_every_frame_is_rendered_at_the_targets_size_with_the_sources_times(render):
    pts = [0, 3, 5, 6, 9, 14, 15, 16, 20, 21]
    track = stick_track(10, fps=60, phase=PHASE, pts=pts)
    frames, facts, progress, rendered = render("out", track)
    assert frames.shape == (10, HEIGHT, WIDTH, 3)
    assert rendered.pts == pts
    assert rendered.time_base == Fraction(1, 60)
    assert float(rendered.rate) == pytest.approx(9 / (21 / 60), rel=1e-3)
    assert (facts["width"], facts["height"], facts["frames"]) == (WIDTH, HEIGHT, 10)
    assert len(rendered.segments) == 3
    assert not progress.warnings


def test_the_person_stands_where_the_motion_says_and_the_plate_is_kept_elsewhere(render, stick_subject_dir):
    track = stick_track(6, phase=PHASE)
    frames, *_ = render("out", track)
    plate = plate_of(stick_subject_dir).astype(float)
    change = np.abs(frames - plate).mean(-1)
    for index in range(6):
        torso = track.image[index, [11, 12, 23, 24]].mean(0).astype(int)
        left, top = (track.image[index].min(0) - 12).astype(int)
        right, bottom = (track.image[index].max(0) + 12).astype(int)
        box = np.zeros(change[index].shape, bool)
        box[max(0, top) : bottom, max(0, left) : right] = True
        assert change[index, torso[1] - 2 : torso[1] + 3, torso[0] - 2 : torso[0] + 3].mean() > 15
        assert change[index][~box].mean() < 3


@pytest.mark.parametrize("with_model", [False, True])
@pytest.mark.parametrize("after", [2, 4, 5, 10])
def test_a_render_that_was_killed_ends_like_one_that_was_not(render, model_dir, with_model, after):
    track, model = stick_track(11, phase=PHASE, absent=(5,)), model_dir if with_model else None
    whole, *_ = render("whole", track, model)
    with pytest.raises(Killed):
        render("cut", track, model, KilledAfter(after))
    resumed, *_ = render("cut", track, model)
    np.testing.assert_array_equal(resumed, whole)


def test_finished_segments_are_not_rendered_again(render, tmp_path):
    track = stick_track(11, phase=PHASE)
    with pytest.raises(Killed):
        render("cut", track, progress=KilledAfter(6))
    first = tmp_path / "cut" / "seg-00000.nut"
    before = first.stat().st_mtime_ns
    assert [path.name for path in sorted((tmp_path / "cut").glob("seg-*"))] == ["seg-00000.nut"]
    render("cut", track)
    assert first.stat().st_mtime_ns == before


def test_how_frames_are_cut_into_segments_does_not_show(render, model_dir):
    track = stick_track(7, phase=PHASE)
    short, *_ = render("short", track, model_dir, segment=2)
    long, *_ = render("long", track, model_dir, segment=100)
    np.testing.assert_array_equal(short, long)


def test_the_state_stays_on_its_device_from_segment_to_segment(render, monkeypatch):
    seen = []

    def paint(painter, motion, choice, plates, size, before=None):
        for _ in range(len(motion)):
            seen.append(before and before.picture.device.type)
            before = Previous.of(*(torch.zeros(1, n, 4, 4, device="meta") for n in (3, 1)), *torch.zeros(2, 1, 1))
            yield Picture(np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)), before

    monkeypatch.setattr(Painter, "paint", paint)
    render("held", stick_track(6, phase=PHASE), segment=2)
    assert seen == [None] + 5 * ["meta"]


def test_a_model_changes_the_picture(render, model_dir):
    track = stick_track(3, phase=PHASE)
    draft, *_ = render("draft", track)
    trained, *_ = render("trained", track, model_dir)
    assert not np.array_equal(draft, trained)


@pytest.mark.parametrize("with_model", [False, True])
def test_frames_without_a_person_show_the_empty_plate(render, stick_subject_dir, model_dir, with_model):
    track = stick_track(8, phase=PHASE, absent=(0, 4, 7))
    frames, facts, progress, _ = render("out", track, model_dir if with_model else None)
    plate = plate_of(stick_subject_dir)
    for index in range(8):
        assert np.array_equal(frames[index], plate) == (index in (0, 4, 7))
    assert facts["without_person"] == 3
    assert any("3 frames" in warning for warning in progress.warnings)


@pytest.mark.parametrize("shift", [(-60, 0), (70, 20), (0, 60), (-300, -300)])
def test_a_person_may_leave_the_picture(render, stick_subject_dir, shift):
    track = stick_track(3, phase=PHASE)
    track.image[:] += np.float32(shift)
    frames, *_ = render("out", track)
    plate = plate_of(stick_subject_dir)
    if max(map(abs, shift)) >= 300:
        np.testing.assert_array_equal(frames, np.stack([plate] * 3))
    else:
        assert not np.array_equal(frames[0], plate)


def test_the_height_can_be_given(render, stick_subject_dir):
    track = stick_track(3, phase=PHASE)
    frames, facts, *_ = render("large", track, size=192)
    assert frames.shape[1:] == (192, 168, 3)
    small, *_ = render("own", track)
    step = frames[:, ::3, ::3].astype(float)[:, 1:-1, 1:-1]
    assert np.abs(step - small[:, ::2, ::2][:, 1:-1, 1:-1]).mean() < 25
    assert facts["height"] == 192


def test_poses_that_the_target_never_shows_are_said(render):
    track = stick_track(6)
    track.image[:, [13, 15, 17, 19, 21, 14, 16, 18, 20, 22], 1] -= 60
    _, facts, progress, _ = render("out", track)
    assert facts["poses_unseen"] > 0.9
    assert any("far from anything" in warning for warning in progress.warnings)
    _, known, quiet, _ = render("known", stick_track(6))
    assert known["poses_unseen"] == 0
    assert not quiet.warnings


def test_a_missing_index_is_said(tmp_path):
    with pytest.raises(CacheError):
        RenderedFrames.load(tmp_path)


def test_the_index_is_json_without_paths(render, tmp_path):
    render("out", stick_track(5))
    index = json.loads((tmp_path / "out" / "render.json").read_text())
    assert index["segments"] == ["seg-00000.nut", "seg-00001.nut"]


# --- The canvas ------------------------------------------------------------------------------------------------------


def numbered(width, height):
    return np.arange(width * height * 3, dtype=np.uint32).reshape(height, width, 3).astype(np.uint8)


@given(st.integers(-40, 40), st.integers(-40, 40), st.integers(1, 50))
def test_windows_and_pastes_anywhere(left, top, size):
    canvas = Canvas(numbered(30, 20), 1.0)
    window, mark = canvas.window((left, top), size), np.full((size, size, 3), 255, np.uint8)
    pasted = canvas.paste(mark, (left, top))
    for y in range(max(0, -top), min(size, 20 - top)):
        for x in range(max(0, -left), min(size, 30 - left)):
            assert (window[y, x] == canvas.plate[top + y, left + x]).all()
    inside = np.zeros((20, 30), bool)
    inside[max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)] = True
    assert (pasted[inside] == 255).all()
    np.testing.assert_array_equal(pasted[~inside], canvas.plate[~inside])
    shown = np.zeros((size, size), bool)
    shown[max(0, -top) : max(0, 20 - top), max(0, -left) : max(0, 30 - left)] = True
    assert (window[~shown] == 0).all()


def test_pasting_a_window_back_changes_nothing():
    canvas = Canvas(numbered(31, 17), 1.0)
    for place in ((0, 0), (-5, 3), (20, -9), (500, 500)):
        np.testing.assert_array_equal(canvas.paste(canvas.window(place, 16), place), canvas.plate)


@pytest.mark.parametrize(("width", "height"), [(97, 63), (112, 128), (33, 64), (17, 400)])
@pytest.mark.parametrize("asked", [None, 48, 181, 256])
def test_a_canvas_has_even_sides_and_keeps_the_aspect(width, height, asked):
    canvas = canvas_for(numbered(width, height), asked)
    tall, wide = canvas.plate.shape[:2]
    assert tall % 2 == wide % 2 == 0
    assert abs(tall - (asked or height)) <= 1
    assert abs(wide - max(16, width * (asked or height) / height)) <= 2
    assert canvas.scale == pytest.approx(tall / height)


def test_a_plate_of_even_sides_is_taken_as_it_is():
    plate = numbered(40, 30)
    assert canvas_for(plate, None).plate is plate
    assert canvas_for(plate, 30).scale == 1


@pytest.mark.parametrize("scale", [1.0, 0.6, 1.7])
def test_aligned_windows_lie_on_whole_pixels_and_keep_the_pose(scale):
    track = stick_track(12, absent=(3,))
    motion, place, size = aligned(track, scale)
    assert size % 16 == 0
    assert place.dtype == np.int64
    np.testing.assert_allclose(motion.windows[:, 2], size / scale, rtol=1e-6)
    pixels = motion.points * size + place[:, None]
    present = track.present
    np.testing.assert_allclose(pixels[present], track.image[present] * scale, atol=0.02)
    whole = motion_of(track)
    calm = whole.calm * whole.windows[:, None, 2:] + whole.windows[:, None, :2]
    np.testing.assert_allclose(motion.calm * size + place[:, None], calm * scale, atol=0.02)
    np.testing.assert_allclose((motion.heights * size)[present], 84 * scale, rtol=0.03)
    assert motion.points[present].min() > 0
    assert motion.points[present].max() < 1
