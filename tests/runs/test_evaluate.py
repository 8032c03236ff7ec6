from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from tests.metrics.test_fvd import TinyC3D, TinyI3D, scripted
from tests.runs.made import FRAMES, Copies, Discs, Same, people
from vidgan.clips.model import ClipSet
from vidgan.errors import DependencyError, UsageError
from vidgan.progress import Silent
from vidgan.report.run_data import Evaluation
from vidgan.runs.evaluate import Options, evaluate

CLIPS = people(6, held=(4, 5))


def run(sampler, clips=CLIPS, against=None, progress=None, count=12, **options):
    options = Options(clips=count, **options)
    return evaluate(sampler, clips, against, (FRAMES, 1), options, progress or Silent(), name="test")


@pytest.fixture(scope="module")
def good():
    return run(Discs())


def test_every_score_has_its_controls_and_the_number_of_clips(good):
    data = good.data
    assert len(data.scores) >= 17
    kept = [score for score in data.scores if score.key in ("person_kept", "action_kept", "action_agreement")]
    assert {score.clips for score in kept} == {64}
    assert {score.clips for score in data.scores if score not in kept} == {12}
    assert all(None not in (score.value, score.real, score.shuffled) for score in data.scores)
    assert {score.network for score in data.scores} == {"efficientnet-lite0", None}
    assert data.feature_network == "efficientnet-lite0"


def test_shuffled_frames_are_told_from_real_motion(good):
    for key in ("motion_frechet", "jitter", "change"):
        score = good.data.score(key)
        assert score.shuffled > 1.3 * score.real, key
    frames = good.data.score("frame_frechet")
    assert frames.shuffled == pytest.approx(frames.real, rel=1e-3)


def test_a_good_generator_is_like_real_clips(good):
    data = good.data
    assert data.warnings == ()
    assert data.score("motion_frechet").value < 0.7 * data.score("motion_frechet").shuffled
    assert data.score("class_accuracy").value > 0.9
    assert data.score("class_accuracy").real > 0.9
    assert data.score("copies").value == 0
    assert data.score("person_kept").value < 0.7
    assert data.score("action_kept").value < 0.9
    assert data.score("action_agreement").value > 0.9
    assert [row.name for row in data.classes] == ["across", "down"]
    assert all(0.6 < row.ratio < 1.6 for row in data.classes)
    assert sum(row.clips for row in data.classes) == 12


def test_copies_are_found_and_pointed_at():
    progress = Silent()
    result = run(Copies(CLIPS), progress=progress)
    assert result.data.score("copies").value == 1
    assert result.data.score("nearest_distance").ratio < 0.05
    assert (result.samples == result.nearest).all()
    neighbour = result.data.neighbours[0]
    clip = next(clip for clip in CLIPS.clips if clip.name == neighbour.clip)
    first = CLIPS.frames[clip.start + neighbour.start]
    assert (first == result.samples[0, 0]).all()
    assert any("near copies" in warning for warning in progress.warnings)


def test_collapse_is_said():
    assert any("collapsed" in warning for warning in run(Same()).data.warnings)


def test_what_is_written_can_be_read_again(good, tmp_path):
    good.data.write(tmp_path / "evaluation.json")
    values = json.loads((tmp_path / "evaluation.json").read_text())
    assert values["scores"][0]["key"] == "motion_frechet"
    assert Evaluation.model_validate(values) == good.data


def test_the_same_seed_gives_the_same_scores(good):
    assert run(Discs()).data.scores == good.data.scores


def test_without_held_out_clips_halves_are_compared_and_it_is_said():
    data = run(Discs(), people(4, held=())).data
    assert any("no clips are held out" in note for note in data.notes)
    assert (data.train.groups, data.held.groups) == (2, 2)


def test_other_clips_to_compare_with_take_the_held_out_ones_place():
    data = run(Discs(), against=people(2, held=(), seed=50)).data
    assert data.held.source == "clips given with --against"
    assert data.held.clips == 4


def test_classes_are_matched_by_name():
    other = people(2, held=(), seed=50)
    renamed = ClipSet(
        other.frames,
        tuple(type(clip)(**{**vars(clip), "label": 1 - clip.label}) for clip in other.clips),
        ("down", "across"),
    )
    assert run(Discs(), against=renamed).data.score("class_accuracy").value > 0.9


def test_a_run_without_classes_has_no_class_scores():
    class Unconditional(Discs):
        classes = ()

    data = run(Unconditional()).data
    assert data.score("class_accuracy") is None
    assert data.classes == ()


def test_classes_the_run_does_not_know_are_noted():
    class Other(Discs):
        classes = ("jump", "run")

    data = run(Other()).data
    assert any("does not know across, down" in note for note in data.notes)
    assert data.score("class_accuracy") is None


def test_fvd_and_inception_score_with_supplied_networks(tmp_path):
    (i3d, i3d_hash), (c3d, c3d_hash) = scripted(TinyI3D(), tmp_path / "i.pt"), scripted(TinyC3D(), tmp_path / "c.pt")
    data = run(Discs(), i3d=i3d, i3d_sha256=i3d_hash, c3d=c3d, c3d_sha256=c3d_hash).data
    assert data.score("fvd").shuffled == pytest.approx(data.score("fvd").real, rel=1e-3)  # its features see no order
    assert data.score("inception_score").value >= 1


def test_a_wrong_network_is_refused_before_any_work(tmp_path):
    path, _ = scripted(TinyI3D(), tmp_path / "i.pt")
    with pytest.raises(DependencyError, match=hashlib.sha256(path.read_bytes()).hexdigest()):
        run(None, i3d=path)


def test_clips_of_another_size_are_refused():
    clips = ClipSet.of([np.zeros((20, 16, 16, 3), np.uint8)] * 4)
    with pytest.raises(UsageError, match="held-out clips 8x16x16"):
        run(Discs(), against=clips)


def test_too_few_clips_are_refused():
    with pytest.raises(UsageError, match="only 3 clips"):
        run(Discs(), count=3)


def test_no_global_randomness_is_used():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    run(Discs())
    assert torch.equal(before, torch.random.get_rng_state())
