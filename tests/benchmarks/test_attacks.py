"""Attacks on the forensic detector: they stay in their bounds and do harm; the tables count what they say."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional as F

from benchmarks import attacks, forensic, forensic_data
from benchmarks.forensic import Data, Unit
from vidgan.metrics.auc import auc
from vidgan.nets.forensic import TraceDetector
from vidgan.trust.forensic import BAG


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = TraceDetector((8, 16))
    torch.nn.init.normal_(made.head.weight, std=0.5)
    return made.eval()


@pytest.fixture(scope="module")
def bags():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (6, 2, 3, 32, 32))).float()


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


# --- The detector's tables --------------------------------------------------------------------------------------------


def unit(rows, fold, method="", kind="body", crf=23, marked=False, people=("somebody",)):
    return Unit(np.asarray(rows), f"{fold}{rows}", method, kind, fold, people, crf, marked)


def test_aucs_are_of_one_fold_and_against_real_ones_of_the_same_kind():
    scored = {
        "a": [(unit([0], "a", "dub", "face"), 0.0), (unit([1], "a", kind="face"), 1.0), (unit([2], "a"), -9.0)],
        "b": [(unit([3], "b", "dub", "face"), 2.0), (unit([4], "b", kind="face"), 1.0), (unit([5], "b"), 9.0)],
    }
    assert forensic.fold_aucs(scored, ("dub",), forensic._any, forensic._any) == [0.0, 1.0]
    assert forensic.spread([0.0, 1.0]) == "0.500 ± 0.500"


def test_the_calibration_gives_log_odds():
    rng = np.random.default_rng(0)
    made, real = rng.normal(3, 2, 4000), rng.normal(-1, 2, 1000)  # log odds of two Gaussians: x - 1
    scored = {
        "a": [(unit([0], "a", "dub"), score) for score in made] + [(unit([0], "a"), score) for score in real],
    }
    scale, offset = forensic.calibrated(scored)
    assert scale == pytest.approx(1, abs=0.1)
    assert offset == pytest.approx(-1, abs=0.15)


def test_data_is_read_as_it_was_left_and_trained_on_by_fold(tmp_path):
    patches = np.random.default_rng(0).integers(0, 256, (5, *BAG), np.uint8)
    np.save(tmp_path / "bags.npy", patches)
    facts = {"file": "x", "people": ["p"], "segment": 0, "crf": 18, "marked": True}
    rows = [("", "a", 2), ("dub", "a", 1), ("dub", "b", 2)]
    found = [facts | {"method": method, "kind": "face", "fold": fold, "bags": n} for method, fold, n in rows]
    (tmp_path / "bags.json").write_text(json.dumps(found))
    data = Data.load(tmp_path)
    assert [one.rows.tolist() for one in data.units] == [[0, 1], [2], [3, 4]]
    bags = data.bags(lambda unit: unit.fold == "a")
    assert bags.video.tolist() == [0, 0, 1, -1, -1]
    assert (bags.methods, bags.groups) == (("", "dub"), ("face", "dub"))
    untrained = TraceDetector()
    assert forensic.unit_scores(untrained, data, data.units).tolist() == [0, 0, 0]
    assert auc([0.0], [0.0]) == 0.5


def test_people_of_two_folds_never_meet():
    footage = [
        forensic_data.Footage(forensic_data.Path(f"{name}.mp4"), name, "face", "a") for name in ("one", "two", "three")
    ]
    turns = list(forensic_data._turns(footage, footage, 2))
    assert len(turns) == 6
    assert all(target.person != driver.person for target, driver in turns)
    assert {forensic_data._fold(person.name) for person in forensic_data.CAST} == {"a", "b"}


@pytest.mark.parametrize("module", [attacks, forensic, forensic_data])
def test_help_and_command(module):
    assert CliRunner().invoke(module.main, ["--help"]).exit_code == 0
    assert f"python -m {module.__name__}" in module.__doc__
