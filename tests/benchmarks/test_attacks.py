"""Attacks on the forensic detector: they stay in their bounds and do harm; the tables count what they say."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch
from click import ClickException
from click.testing import CliRunner
from torch.nn import functional as F

from benchmarks import attacks, forensic, forensic_data, forensic_patches
from benchmarks.common import only_one, part_of
from benchmarks.forensic import Data, Unit
from tests.video.clips import write_clip
from vidgan.metrics.auc import auc
from vidgan.nets.forensic import GROUND, STATISTICS, TraceDetector, kinds
from vidgan.stages.pipeline import read_pipeline
from vidgan.tasks.forensic import ForensicConfig
from vidgan.trust.forensic import BAG


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = TraceDetector(4)
    for layer in (made.ground[-1], made.motion, made.face, made.small[-1]):
        torch.nn.init.normal_(layer.weight, std=0.5)
    made.scaled_by(made.statistics(noise(40, 1)))
    return made.eval()


def noise(count, seed):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (count, *BAG[:2], 32, 32))).float()


@pytest.fixture(scope="module")
def bags():
    return noise(6, 0)


LABELS = torch.tensor([1.0, 1, 1, 0, 0, 1])


def losses(network, bags):
    with torch.no_grad():
        return F.binary_cross_entropy_with_logits(network(bags), LABELS, reduction="none")


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("attack", [attacks.fgsm, attacks.pgd])
def test_bounds_are_kept_in_whole_grey_levels(network, bags, attack, levels):
    changed = attack(network, bags, LABELS, levels)
    assert (changed - bags).abs().max() == levels
    assert changed.min() >= 0
    assert changed.max() <= 255
    assert torch.equal(changed, changed.round())


def test_pgd_does_more_harm_than_fgsm_and_that_more_than_nothing(network, bags):
    one, many = (attack(network, bags, LABELS, 2) for attack in (attacks.fgsm, attacks.pgd))
    assert losses(network, one).mean() > losses(network, bags).mean()
    assert (losses(network, many) >= losses(network, one)).all()
    assert losses(network, many).mean() > losses(network, one).mean()


@pytest.mark.parametrize(("count", "most"), [(1, 1), (16, 16)])
def test_few_pixels_are_few_and_harm(network, bags, count, most):
    changed = attacks.few_pixels(network, bags, LABELS, count)
    counts = (changed != bags).flatten(3).sum(3)
    assert counts.max() <= most
    assert counts.max() > 0
    assert (losses(network, changed) >= losses(network, bags)).all()


def test_a_sticker_leaves_what_is_around_it(network, bags):
    changed = attacks.sticker(network, bags, LABELS, side=12)
    around = torch.ones(32, 32, dtype=torch.bool)
    around[10:22, 10:22] = False
    assert torch.equal(changed[..., around], bags[..., around])
    assert (losses(network, changed) >= losses(network, bags)).all()
    assert losses(network, changed).sum() > losses(network, bags).sum()


def test_patches_come_back_from_the_encoder_in_their_places():
    # Each patch has its own grey, each frame its own shift of it.
    greys = 40 + 8 * torch.arange(20.0).view(5, 4, 1, 1, 1) + torch.tensor([0.0, 3, 6]).view(1, 1, 3, 1, 1)
    bags = greys.expand(-1, -1, -1, 64, 64)
    back = attacks.encoded(bags, 18)
    assert back.shape == bags.shape
    assert (back - bags).abs().max() <= 2


def test_blur_and_resize_keep_flat_pictures(network):
    flat = torch.full((2, 2, 3, 32, 32), 90.0)
    for name in ("blur of 0.7 pixels", "3/4 of the size and back", "none"):
        assert torch.equal(attacks.attacked(network, flat, 1.0, name), flat)


def test_a_small_picture_stays_one_patch(network, bags):
    small = bags.clone()
    small[:, 1:GROUND], small[:, GROUND:] = small[:, :1], 0
    mixed = torch.cat([bags[:3], small[:3]])
    for name in ("FGSM, 2/255", "1 pixel a frame", "noise of 2 levels"):
        after = attacks.attacked(network, mixed, 1.0, name)
        assert (kinds(network.statistics(after)) == kinds(network.statistics(mixed))).all()
        assert (after[:3] != mixed[:3]).any()
    assert (after[3:, 0] != mixed[3:, 0]).any()


# --- The detector's tables --------------------------------------------------------------------------------------------


def unit(rows, fold, method="", kind="body", crf=23, marked=False, people=("somebody",)):
    return Unit(np.asarray(rows), f"{fold}{rows}", method, kind, fold, people, crf, marked)


def test_aucs_are_of_one_fold_and_against_real_ones_of_the_same_kind():
    scored = {
        "a": [(unit([0], "a", "dub", "face"), 0.0), (unit([1], "a", kind="face"), 1.0), (unit([2], "a"), -9.0)],
        "b": [(unit([3], "b", "dub", "face"), 2.0), (unit([4], "b", kind="face"), 1.0), (unit([5], "b"), 9.0)],
    }
    assert forensic.fold_aucs(scored, ("dub",), forensic._at(23), forensic._at(23)) == [0.0, 1.0]
    assert forensic.spread([0.0, 1.0]) == "0.500 ± 0.500"


def test_log_odds_of_two_gaussians():
    rng = np.random.default_rng(0)
    made, real = rng.normal(3, 2, 4000), rng.normal(-1, 2, 1000)  # log odds of two Gaussians: x - 1
    scale, offset = forensic.log_odds(np.r_[made, real], np.arange(5000) < 4000)
    assert scale == pytest.approx(1, abs=0.1)
    assert offset == pytest.approx(-1, abs=0.15)


def test_each_kind_is_calibrated_so_that_no_real_one_scores_high():
    bodies = [(unit([0], "a", "transfer draft"), 1.0), (unit([1], "a"), -1.0)]
    small = [(unit([2], "a", "generate", "small"), 5.0), (unit([3], "a", kind="small"), 8.0)]
    (scale, offset), face, (worse, lowered) = forensic.calibrated({"a": bodies + small})
    assert (scale, offset) == forensic.log_odds(np.array([1.0, -1.0]), np.array([True, False]))
    assert face == (1, 0)
    highest = [1 / (1 + np.exp(-logit)) for logit in (-scale + offset, 8 * worse + lowered)]
    assert highest[0] < forensic.HIGHEST[0]
    assert highest[1] <= forensic.HIGHEST[2] + 1e-9


def test_data_is_read_as_it_was_left_and_trained_on_by_fold(tmp_path):
    patches = np.random.default_rng(0).integers(0, 256, (5, *BAG), np.uint8)
    np.save(tmp_path / "bags.npy", patches)
    facts = {"file": "x", "people": ["p"], "segment": 0, "crf": 18, "marked": True, "filmed": False}
    rows = [("", "a", 2), ("dub", "a", 1), ("dub", "b", 2)]  # method, fold, bags
    found = [facts | {"method": method, "kind": "face", "fold": fold, "bags": n} for method, fold, n in rows]
    (tmp_path / "bags.json").write_text(json.dumps(found))
    np.save(tmp_path / "statistics.npy", np.zeros(1))
    os.utime(tmp_path / "statistics.npy", (0, 0))  # of an older detector
    data = Data.load(tmp_path)
    assert [one.rows.tolist() for one in data.units] == [[0, 1], [2], [3, 4]]
    bags = data.bags(lambda unit: unit.fold == "a")
    assert bags.video.tolist() == [0, 0, 1, -1, -1]
    assert (bags.methods, bags.groups) == (("", "dub"), ("face", "dub"))
    untrained = TraceDetector()
    assert forensic.unit_scores(untrained, data, data.units).tolist() == [0, 0, 0]
    assert auc([0.0], [0.0]) == 0.5
    network = TraceDetector()
    torch.testing.assert_close(torch.from_numpy(data.statistics), network.statistics(torch.from_numpy(patches)))


def filmed(rows, fold, crf):
    return Unit(np.asarray(rows), f"{fold}{rows}", "", "face", fold, ("somebody",), crf, False, filmed=True)


def test_films_as_they_were_filmed_have_a_table_of_their_own():
    own = [(unit([0], "a", "dub", "face"), 1.0), (unit([1], "a", kind="face"), 0.0)]
    scored = {"a": [*own, (filmed([2], "a", forensic.AS_IT_IS), 2.0), (filmed([3], "a", 23), 0.5)], "c": []}
    row = forensic.by_history(scored)[list(forensic.EVERY).index("dub")]
    assert (row["as it is"], row["CRF 23"], row["CRF 28"]) == ("0.000 ± 0.000", "1.000 ± 0.000", "-")
    assert forensic.by_crf(scored)[list(forensic.EVERY).index("dub")]["CRF 23"] == "1.000 ± 0.000"
    rows = {row["videos"]: row["look made"] for row in forensic.errors(scored, [(0, 0), (10.0, -8.0), (0, 0)])}
    assert rows == {"real, face": 0.0, "real, face, as filmed": 0.5, "dub": 0.0}


def test_networks_of_other_videos_stand_beside_those_of_these():
    made, real = unit([0], "a", "dub", "face"), unit([1], "a", kind="face")
    film = filmed([2], "a", forensic.AS_IT_IS)
    row = forensic.beside(
        {"a": [(made, 1.0), (real, 0.0), (film, 0.5)], "c": []},
        {"a": [(made, 0.0), (real, 1.0), (film, -1.0)], "c": []},
    )[list(forensic.EVERY).index("dub")]
    assert (row["CRF 23"], row["23, others'"]) == ("1.000 ± 0.000", "0.000 ± 0.000")
    assert (row["as filmed"], row["as filmed, others'"]) == ("1.000 ± 0.000", "1.000 ± 0.000")


def test_a_fold_without_videos_is_said_before_training(tmp_path, monkeypatch):
    data = Data(
        np.zeros((2, 1), np.uint8), np.zeros((2, 1)), [unit([0], "a", "dub"), unit([1], "b"), filmed([2], "a", 23)]
    )
    monkeypatch.setattr(Data, "load", lambda folder: data)
    for fold, what in (("a", "real"), ("b", "made")):
        result = CliRunner().invoke(attacks.main, [str(tmp_path), "--fold", fold])
        assert result.exit_code == 1
        assert result.output.splitlines() == [
            f"Error: fold {fold} has no {what} video at CRF 23: choose another --fold, or make some by forensic_data"
        ]


def test_the_table_names_the_last_fold_apart():
    scored = {
        fold: [(unit([0], fold, "dub", "face"), made), (unit([1], fold, kind="face"), 0.5)]
        for fold, made in (("a", 1.0), ("b", 1.0), ("c", 0.0))
    }
    row = forensic.by_crf(scored)[list(forensic.EVERY).index("dub")]
    assert (row["CRF 23"], row["23, last fold"]) == ("0.667 ± 0.500", "0.000")
    assert forensic.spread([]) == "-"


def test_a_pipeline_ends_at_its_encoder(tmp_path):
    for name in ("reanimate", "dub", "transfer"):
        spec = read_pipeline(part_of(name, ["encode"], tmp_path, outputs={"video": "encode/output.*"}))
        assert spec.outputs == {"video": "encode/output.*"}
        assert spec.stages[-1].stage == "encode"
        assert not {"heldout", "sign"} & {stage.name for stage in spec.stages}


def test_a_film_without_a_face_is_said(tmp_path):
    film = write_clip(tmp_path / "wall.mp4", [np.full((96, 96, 3), 90, np.uint8)] * 3)
    with pytest.raises(ClickException, match=r"wall.mp4: no face in its first frame"):
        forensic_data.prepared(forensic_data.Footage(film, "nobody", "face", "a"), tmp_path)
    assert not list((tmp_path / "real").iterdir())


def test_each_method_is_left_out_in_turn(tmp_path, monkeypatch):
    asked = []
    whole = {
        fold: [
            (unit([0], fold, "dub", "face", 28), 1.0),
            (unit([1], fold, kind="face", crf=28), 0.0),
            (unit([2], fold, kind="face", crf=23), 9.0),
        ]
        for fold in forensic_data.FOLDS
    }

    def judged(data, folder, name, methods, config, wanted):
        asked.append((name, methods, wanted(whole["a"][0][0]), wanted(whole["a"][2][0])))
        return {fold: [(one, -score) for one, score in units] for fold, units in whole.items()}

    monkeypatch.setattr(forensic, "judged", judged)
    rows = {row.pop("method"): row for row in forensic.across(None, tmp_path, whole, None)}
    assert rows["dub"] == {"all": "1.000 ± 0.000", "all but it": "0.000 ± 0.000"}
    assert rows["generate"]["all"] == "-"
    assert ("no-dub", ["transfer draft", "transfer standard", "reanimate", "generate"], True, False) in asked


def test_no_video_is_planned_twice(monkeypatch):
    monkeypatch.setattr(forensic_data, "_has_sound", lambda file: True)
    footage = [
        forensic_data.Footage(forensic_data.Path(f"{name}.mp4"), name, kind, "a")
        for name, kind in (
            ("one", "face"),
            ("two", "face"),
            ("words", "speech"),
            ("dancer", "body"),
            ("walker", "body"),
        )
    ]
    paths = [task.path for task in forensic_data.plan(footage)]
    assert sorted(paths) == sorted(set(paths))
    assert sum("dub" in path for path in paths) == 2


def test_a_film_is_taken_as_it_is_and_what_vidgan_makes_is_not(tmp_path):
    film = write_clip(tmp_path / "film.mp4", [np.full((96, 96, 3), 9 * k, np.uint8) for k in range(20)])
    kinds = [("", True), ("", False), ("dub", False)]
    crfs = [
        [
            crf
            for crf, _ in forensic_patches._encoded(
                forensic_patches.Video("f", method, "face", "a", (), own), film, 0, False
            )
        ]
        for method, own in kinds
    ]
    assert crfs == [[forensic_patches.AS_IT_IS, *forensic_patches.CRFS], *[[*forensic_patches.CRFS]] * 2]


def test_people_of_two_folds_never_meet():
    footage = [
        forensic_data.Footage(forensic_data.Path(f"{name}.mp4"), name, "face", "a") for name in ("one", "two", "three")
    ]
    turns = list(forensic_data._turns(footage, footage, 2))
    assert len(turns) == 6
    assert all(target.person != driver.person for target, driver in turns)
    assert turns[0][0] != turns[1][0]
    assert {forensic_data._fold(person.name) for person in forensic_data.CAST} == set(forensic_data.FOLDS)


def test_patches_are_kept_while_video_and_rule_are_the_same(tmp_path, monkeypatch):
    film = write_clip(tmp_path / "film.mp4", [np.full((64, 64, 3), 9 * k, np.uint8) for k in range(4)])
    video = forensic_patches.Video("film.mp4", "", "small", "a", ("somebody",))
    runs = []

    def taken(video, file):
        runs.append(file)
        return {"0-23-0": np.full((1, *BAG), len(runs), np.uint8)}

    def gathered(rule):
        monkeypatch.setattr(forensic_patches, "rule", lambda: rule)
        forensic_patches.gather([video], tmp_path, tmp_path)
        return int(np.load(tmp_path / "bags.npy", allow_pickle=False).max())

    monkeypatch.setattr(forensic_patches, "taken", taken)
    assert [gathered(rule) for rule in ("old", "old", "new", "new", "old")] == [1, 1, 2, 2, 3]
    write_clip(film, [np.full((64, 64, 3), 5 * k, np.uint8) for k in range(4)])
    assert gathered("old") == 4
    assert [one["bags"] for one in json.loads((tmp_path / "bags.json").read_text())] == [1]


def test_patches_of_an_earlier_version_are_taken_again(tmp_path, monkeypatch):
    film = write_clip(tmp_path / "film.mp4", [np.full((64, 64, 3), 9 * k, np.uint8) for k in range(4)])
    video = forensic_patches.Video("film.mp4", "", "small", "a", ("somebody",))
    (tmp_path / "bags").mkdir()
    np.savez(tmp_path / "bags" / "film.mp4.npz", **{"0-23-0": np.zeros((1, *BAG), np.uint8)})
    monkeypatch.setattr(forensic_patches, "taken", lambda video, file: {"0-23-0": np.ones((1, *BAG), np.uint8)})
    assert forensic_patches._kept(video, film, tmp_path, "rule")["0-23-0"].all()


def test_the_rule_is_that_of_what_comes_out(monkeypatch):
    found = [{"0-23-0": np.zeros((1, *BAG), np.uint8)}]
    monkeypatch.setattr(forensic_patches, "taken", lambda video, file: found[-1])
    first = forensic_patches.rule()
    assert forensic_patches.rule() == first
    found.append({"0-23-0": np.ones((1, *BAG), np.uint8)})
    assert forensic_patches.rule() != first


@pytest.mark.parametrize(
    ("module", "command"),
    [(attacks, ["{}"]), (forensic, ["{}"]), (forensic_data, ["TABLE", "{}", "--root", "{}"])],
)
def test_two_on_one_folder_are_refused(tmp_path, module, command):
    (table := tmp_path / "table.csv").write_text("file,person,kind,fold\n")
    given = [word.format(tmp_path).replace("TABLE", str(table)) for word in command]
    with only_one(tmp_path):
        result = CliRunner().invoke(module.main, given)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"Error: {tmp_path}: another benchmark is at work there: wait for it, or take another folder"
    ]
    with only_one(tmp_path):
        pass


@pytest.mark.parametrize("module", [attacks, forensic])
def test_without_patches_it_is_said(tmp_path, module):
    np.save(tmp_path / "bags.npy", np.zeros((1, *BAG), np.uint8))  # gathering was broken off
    result = CliRunner().invoke(module.main, [str(tmp_path)])
    assert result.output.splitlines() == [f"Error: {tmp_path}: no patches: run benchmarks.forensic_data, to its end"]


def some_data(seed):
    known = np.random.default_rng(seed).normal(size=(4, *BAG[:1], STATISTICS)).astype(np.float32)
    units = [unit([0, 1], "a", "dub", "face"), unit([2, 3], "a", kind="face")]
    return Data(np.zeros((4, *BAG), np.uint8), known, units)


def test_a_network_is_read_again_for_the_same_data_and_settings_alone(tmp_path):
    config = ForensicConfig(steps=2, batch=4)

    def trained(data=None, config=config, folds="a"):
        forensic.fit(data or some_data(0), tmp_path / "all", folds, ["dub"], config)
        return len(list(tmp_path.iterdir()))

    assert [trained(), trained(), trained(some_data(0))] == [1, 1, 1]
    assert trained(some_data(1)) == 2
    assert trained(config=ForensicConfig(steps=2, batch=8)) == 3
    assert trained(folds="ab") == 4


def test_dark_patches_are_judged_by_networks_of_the_data_as_it_is(tmp_path, monkeypatch):
    seen = []
    data = some_data(0)

    def judged(dimmed, folder, name, methods, config, wanted, taught):
        seen.append(((dimmed.statistics == 0).all(2).sum(1), taught is data))
        return {"a": [(one, 0.0) for one in data.units]}

    monkeypatch.setattr(forensic, "judged", judged)
    rows = forensic.in_the_dark(data, tmp_path, None, [(1.0, 0.0)] * 3)
    assert [(dark.tolist(), own) for dark, own in seen] == [([n] * 4, True) for n in (0, 2, 4, 1, 2)]
    assert {row["dark"] for row in rows} == {*forensic.DARK}
    assert (data.statistics != 0).all()


@pytest.mark.parametrize("module", [attacks, forensic, forensic_data])
def test_help_and_command(module):
    assert CliRunner().invoke(module.main, ["--help"]).exit_code == 0
    assert f"python -m {module.__name__}" in module.__doc__
