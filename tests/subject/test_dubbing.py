import numpy as np
import pytest

from tests.face.talker import talking_track
from vidgan.face.head import head_pose, to_head
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.subject.dubbing import MouthConfig, choose_mouths, describe, strength_beside


def by_every_pair(sound, shots, ramp=4):
    out = np.zeros(len(sound))
    for here in range(len(sound)):
        near = [abs(here - bad) for bad in np.flatnonzero(~sound) if shots[bad] == shots[here]]
        out[here] = min([ramp + 1, *near]) / (ramp + 1)
    return out


@pytest.mark.parametrize("share", [0, 0.02, 0.3, 1])
def test_strength_rises_away_from_frames_that_cannot_be_dubbed(share):
    rng = np.random.default_rng(0)
    sound, shots = rng.uniform(size=200) >= share, np.repeat([0, 1, 2, 3], [120, 1, 40, 39])
    assert strength_beside(sound, shots) == pytest.approx(by_every_pair(sound, shots))


def test_strength_of_hours_takes_no_table_of_all_pairs():
    sound = np.arange(400_000) % 2 == 0  # pairs: 80 thousand millions
    assert strength_beside(sound, np.zeros(len(sound), np.int64)).max() == pytest.approx(0.2)


def test_shots_choose_their_mouths_by_themselves():
    rng = np.random.default_rng(1)
    wanted, kept, blur = rng.normal(size=(60, 3)), rng.normal(size=(30, 3)), np.zeros((60, 30))
    shots = np.repeat([0, 1], [25, 35])
    whole = choose_mouths(wanted, kept, blur, MouthConfig(), shots)
    for shot in (0, 1):
        here = shots == shot
        alone = choose_mouths(wanted[here], kept, blur[here], MouthConfig(), np.zeros(here.sum()))
        assert np.array_equal(whole.index[shots == shot], alone.index)
        assert np.array_equal(whole.share[shots == shot], alone.share)
    assert whole.share.sum(1) == pytest.approx(1)
    assert len(np.unique(whole.index)) > 5


def test_mouths_are_compared_by_how_far_what_is_between_the_lips_is_stretched():
    track = talking_track(4)
    head = to_head(track.points, head_pose(track))
    shape, still = MouthShape.of(head, 4), np.zeros((len(head), 3))
    opening = mouth_opening(head)
    asked, shut, wider = (int(np.abs(opening - value).argmin()) for value in (0.03, opening.min(), 0.055))
    config = MouthConfig()
    last = describe(head, shape, still, config)[:, -1]
    assert abs(last[asked] - last[shut]) > abs(last[asked] - last[wider])
    assert last[asked] - last[shut] > 1
