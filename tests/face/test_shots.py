"""Films with cuts: shots of another face are left alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.face.faces import pose, talking, track_of
from vidgan.face.finish import FaceFinishConfig, finish
from vidgan.face.head import neutral_mesh
from vidgan.face.regions import RIGID
from vidgan.face.shots import only_the_first, rigid_shape, shots_of, unlike


def other_person(count=20):
    """Somebody with a longer and narrower nose and forehead, who turns the head."""
    head = np.array(neutral_mesh(), np.float64)
    rng = np.random.default_rng(3)
    head[list(RIGID)] += rng.normal(0, 0.03, (len(RIGID), 3))
    return track_of(np.stack([head] * count), pose(np.stack([np.linspace(-7, 7, count)] + [np.zeros(count)] * 2, 1)))


def joined(*tracks):
    arrays = {name: np.concatenate([getattr(one, name) for one in tracks]) for name in tracks[0].ARRAYS}
    return replace(tracks[0], **arrays | {"pts": np.arange(len(arrays["pts"]))})


@pytest.fixture
def film():
    """The speaker, another, the speaker again; and its cuts."""
    speaker, _ = talking(20, reach=7.0)
    return joined(speaker, other_person(), speaker), [20, 40]


def test_shots_lie_between_cuts():
    assert shots_of(10, [4, 7, 4, 0, 12]) == [slice(0, 4), slice(4, 7), slice(7, 10)]
    assert shots_of(10, []) == [slice(0, 10)]


def test_one_person_turning_and_talking_is_alike_and_another_is_not(film):
    track, _ = film
    speaker, other = rigid_shape(track[:10]), rigid_shape(track[20:40])
    assert unlike(speaker, rigid_shape(track[10:20])) < 0.01
    assert unlike(speaker, other) > 0.02
    assert rigid_shape(track[:3]) is None


def test_a_face_that_is_only_seen_from_the_side_has_no_known_shape_and_is_kept(film):
    track, _ = film
    head = np.stack([np.array(neutral_mesh(), np.float64)] * 10)
    side = track_of(head, pose(np.tile([30.0, 0, 0], (10, 1))))
    assert rigid_shape(side) is None
    kept, left_out = only_the_first(joined(track[:20], side), [20])
    assert kept.present.all()
    assert not left_out


def test_a_shot_of_another_face_is_left_without_one(film):
    track, cuts = film
    kept, left_out = only_the_first(track, cuts)
    assert left_out == [slice(20, 40)]
    assert not kept.present[20:40].any()
    assert np.isnan(kept.image[20:40]).all()
    assert kept.present[:20].all()
    assert kept.present[40:].all()
    assert track.present.all()  # what was given stays


def test_a_wider_measure_takes_them_for_one(film):
    kept, left_out = only_the_first(*film, other=1.0)
    assert not left_out
    assert kept.present.all()


def test_nothing_is_filled_or_smoothed_across_a_cut():
    speaker, _ = talking(20)
    away = replace(speaker, image=speaker.image + 60)
    image = np.concatenate([speaker.image, away.image])
    image[[19, 20]] = np.nan  # lost about the cut
    raw = {"image": image, "depth": np.concatenate([speaker.depth, away.depth]), "pts": np.arange(40)}
    raw["depth"][[19, 20]] = np.nan

    def done(cuts):
        return finish(raw, speaker.time_base, 320, 240, "made", FaceFinishConfig(), cuts)

    across, apart = done(()), done((20,))
    assert across.present.all()
    assert apart.present.tolist() == [*[True] * 19, False, False, *[True] * 19]
    first = {name: values[:19] for name, values in raw.items()}
    alone = finish(first, speaker.time_base, 320, 240, "made", FaceFinishConfig())
    np.testing.assert_array_equal(apart.image[:19], alone.image)
    assert np.abs(across.image[18] - alone.image[18]).max() > 0.05
