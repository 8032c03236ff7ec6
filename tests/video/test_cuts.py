import numpy as np
import pytest

from tests.video.clips import write_clip
from vidgan.errors import MediaError
from vidgan.video.cuts import find_cuts


def shot(frames, seed):
    """A textured picture that is lit a little more in every frame."""
    tiles = np.random.default_rng(seed).integers(0, 220, (8, 12, 3)).repeat(8, 0).repeat(8, 1)
    return [(tiles + 2 * k).clip(0, 255).astype(np.uint8) for k in range(frames)]


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_cuts_are_the_frames_that_begin_a_shot(tmp_path, codec):
    path = write_clip(tmp_path / "cuts.mp4", [*shot(10, 0), *shot(7, 1), *shot(9, 2)], codec=codec)
    assert find_cuts(path) == [10, 17]


def test_one_shot_has_no_cut(tmp_path, plain_clip):
    path = write_clip(tmp_path / "shot.mp4", shot(20, 0))
    assert find_cuts(path) == []


def test_damaged_film_is_read_as_far_as_it_goes(truncated_clip):
    whole = find_cuts(truncated_clip.with_name("whole_faststart.mp4"))
    found = find_cuts(truncated_clip)
    assert found == whole[: len(found)]
    assert found


def test_what_is_no_film_is_refused(text_clip):
    with pytest.raises(MediaError):
        find_cuts(text_clip)
