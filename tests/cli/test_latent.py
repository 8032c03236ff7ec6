from __future__ import annotations

import pytest

from tests.runs.conftest import strips, tiny_config, trained  # noqa: F401 - fixtures


@pytest.mark.parametrize(
    ("args", "count"),
    [
        (["interpolate", 0, 3, "RUN", "--steps", 3], 3),
        (["interpolate", 0, 3, "RUN", "--steps", 2, "--part", "motion", "--class", "falls"], 2),
        (["mix", "0-2", "5,7", "RUN", "--frames", 6], 6),
        (["arithmetic", 0, 1, 2, "RUN", "--truncation", 0.7], 4),
    ],
)
def test_clips_and_a_grid(vidgan, trained, tmp_path, args, count):  # noqa: F811
    given = [trained if it == "RUN" else it for it in args]
    code, out, _ = vidgan("latent", *given, "-o", tmp_path / "out", "--format", "png-strip", "--device", "cpu")
    assert code == 0
    assert out == f"grid  {tmp_path / 'out' / 'grid.png'}\n"
    assert len(list((tmp_path / "out").iterdir())) == count + 1


def test_the_grid_alone_by_default(vidgan, trained, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    assert vidgan("latent", "interpolate", 1, 2, trained, "--device", "cpu", "--quiet") == (0, "", "")
    assert (tmp_path / "out" / "latent" / "run-interpolate-1-2.mp4").exists()


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["mix", "a-b", "0", "RUN"], "write them as 0-3 or 1,5,7"),
        (["mix", "0-99", "0", "RUN"], "100 sequences: take 1 to 64"),
        (["mix", "3-1", "0", "RUN"], "0 sequences"),
        (["interpolate", 0, 1, "RUN", "--steps", 1], "1 is not in the range"),
        (["interpolate", 0, "RUN"], "is not a valid integer"),
        (["arithmetic", 0, 1, 2, "RUN", "--class", "jumps"], "it knows falls, slides"),
    ],
)
def test_mistakes_end_with_2(vidgan, trained, args, says):  # noqa: F811
    code, out, err = vidgan("latent", *[trained if it == "RUN" else it for it in args], "--device", "cpu")
    assert (code, out) == (2, "")
    assert says in err
