from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from tests.video.clips import number_of
from vidgan.stages.reel import PIECE, shown_frames
from vidgan.video.read import ClipReader


@pytest.fixture
def film(plain_clip, monkeypatch):
    """A film of 30 frames, and the list of those that are decoded."""
    decoded = []
    with ClipReader(plain_clip) as reader:
        frames = reader.frames

        def counted(start=0):
            decoded.extend(range(start))
            for number, frame in enumerate(frames(start), start):
                decoded.append(number)
                yield frame

        monkeypatch.setattr(reader, "frames", counted)
        yield reader, decoded


THERE_AND_BACK = np.array([*range(30), *range(28, 0, -1)] * 3)


def test_looped_film_is_decoded_once(film, tmp_path):
    reader, decoded = film
    shown = [number_of(rgb) for rgb in shown_frames(reader, THERE_AND_BACK, tmp_path)]
    assert shown == THERE_AND_BACK.tolist()
    assert decoded == list(range(30))


def test_looped_film_goes_on_where_a_kill_ended_it(film, tmp_path):
    reader, decoded = film
    list(islice(shown_frames(reader, THERE_AND_BACK, tmp_path), PIECE + 3))
    for start in (PIECE + 1, 40):
        rest = [number_of(rgb) for rgb in shown_frames(reader, THERE_AND_BACK, tmp_path, start)]
        assert rest == THERE_AND_BACK[start:].tolist()
    assert decoded == list(range(30))


def test_film_that_only_runs_forwards_is_not_kept(film, tmp_path):
    reader, _ = film
    for numbers in (list(range(20)), [0, 0, 1, 3, 3, 3, 7, 8, 8, 20]):
        shown = [number_of(rgb) for rgb in shown_frames(reader, np.array(numbers), tmp_path, 4)]
        assert shown == numbers[4:]
    assert not list(tmp_path.iterdir())
