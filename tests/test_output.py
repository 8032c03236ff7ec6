from __future__ import annotations

import os

import pytest

from vidgan import output as outputs
from vidgan.errors import MediaError, OutputError, UsageError
from vidgan.output import check_destination, check_inputs, place, place_all


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"film")
    return path


def test_inputs_that_are_no_files(tmp_path, film):
    check_inputs({"source": film})
    (tmp_path / "empty.mp4").touch()
    os.mkfifo(tmp_path / "pipe.mp4")
    said = {".": "is a folder", "none.mp4": "does not exist", "empty.mp4": "is empty", "pipe.mp4": "is a pipe"}
    for name, says in said.items():
        with pytest.raises(MediaError, match=f"^source .*{says}"):
            check_inputs({"source": tmp_path / name})


def test_output_that_is_an_input(tmp_path, film):
    (tmp_path / "link.mp4").symlink_to(film)
    for output in (film, tmp_path / "x" / ".." / "film.mp4", tmp_path / "link.mp4"):
        with pytest.raises(OutputError, match="input"):
            check_destination(output, [film])


def test_output_of_an_unknown_kind(tmp_path):
    with pytest.raises(UsageError, match=r"out.avi must end in .mp4, .m4v, .mov, .mkv or .webm"):
        check_destination(tmp_path / "out.avi", [])


def test_output_that_is_a_folder(tmp_path):
    with pytest.raises(OutputError, match="is a directory"):
        check_destination(tmp_path, [])


def test_the_output_folder_is_made_and_left_empty(tmp_path):
    check_destination(tmp_path / "a" / "b" / "out.mp4", [])
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_an_output_folder_that_is_a_file(film):
    with pytest.raises(OutputError, match="cannot be written"):
        check_destination(film / "out.mp4", [])


def test_outputs_are_placed_by_the_stem(tmp_path, film):
    report = tmp_path / "report.html"
    report.write_text("report")
    placed = place_all({"video": film, "report": report}, tmp_path / "alice.v2.mp4")
    assert placed == {"video": tmp_path / "alice.v2.mp4", "report": tmp_path / "alice.v2.report.html"}
    assert placed["report"].read_text() == "report"


def test_credentials_go_by_the_whole_name_and_old_ones_do_not_stay(tmp_path, film):
    (tmp_path / "c2pa").write_bytes(b"signed")
    output = tmp_path / "out.mkv"
    placed = place_all({"video": film, "credentials": tmp_path / "c2pa"}, output)
    assert placed["credentials"] == tmp_path / "out.mkv.c2pa"
    assert placed["credentials"].read_bytes() == b"signed"
    assert place_all({"video": film}, output) == {"video": output}
    assert not placed["credentials"].exists()


def test_a_full_disk_leaves_the_old_output_and_no_rest(tmp_path, film, monkeypatch):
    output = tmp_path / "out.mp4"
    output.write_text("old")

    def fill(source, destination):
        destination.write_bytes(b"fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs.shutil, "copyfile", fill)
    with pytest.raises(OutputError, match="full"):
        place(film, output)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]
