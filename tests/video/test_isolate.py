"""A decoder that crashes, hangs or grows becomes one clear line, and the process that asked goes on."""

from __future__ import annotations

import errno
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from tests.video import fake_decoders as fakes
from tests.video.clips import number_of
from vidgan.errors import LimitError, MediaError, PersonError
from vidgan.video.isolate import DecoderFault, end_idle
from vidgan.video.landlock import landlock_version
from vidgan.video.limits import MediaLimits, limited
from vidgan.video.read import ClipReader
from vidgan.video.room import room

ROOT = Path(__file__).resolve().parents[2]
CLIP = Path("clip.mp4")


def line(error, call, *args):
    with pytest.raises(error) as caught:
        call(CLIP, *args)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("clip.mp4: ")
    return message


@pytest.mark.parametrize(
    ("number", "advice"), [(signal.SIGSEGV, "the file is damaged"), (signal.SIGKILL, "the memory may be full")]
)
def test_a_decoder_that_crashes(number, advice):
    assert f"killed by {number.name}; {advice}" in line(MediaError, fakes.kills_itself, int(number))
    assert fakes.process(CLIP) != os.getpid()


def test_a_decoder_that_ends():
    assert "exit code 7" in line(MediaError, fakes.exits)


def test_a_decoder_that_hangs_is_ended():
    first = fakes.process(CLIP)
    began = time.monotonic()
    with limited(MediaLimits(timeout=0.5)):
        assert "media.timeout" in line(LimitError, fakes.sleeps, 60)
    assert time.monotonic() - began < 20
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_long_work_is_no_hang():
    with limited(MediaLimits(timeout=1.5)):
        assert fakes.works_long(CLIP, 2) != os.getpid()


def test_time_in_which_nothing_could_run_is_no_hang():
    """As in a container that is paused, or after Ctrl-Z."""
    asking = asks("with limited(MediaLimits(timeout=1.9)): print(fakes.works_silently(Path('a'), 100, 0.01))")
    decoder = int(asking.stdout.readline())
    time.sleep(0.2)
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for process in (decoder, asking.pid):
            os.kill(process, number)
        time.sleep(2.5 if number == signal.SIGSTOP else 0)
    assert asking.communicate(timeout=60)[0] == f"{decoder}\n"


def test_a_slow_reader_is_no_hang():
    with limited(MediaLimits(timeout=0.5)), closing(fakes.counts(CLIP, 6)) as running:
        for _ in running:
            time.sleep(0.6)


def test_many_open_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if -1 < before[1] < 2000:
        pytest.skip("so many files may not be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, before[1]))
    end_idle()
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open())
        assert fakes.length(Path(__file__)) == Path(__file__).stat().st_size
        end_idle()


def test_ctrl_c_is_not_the_decoders():
    assert os.getsid(fakes.process(CLIP)) != os.getsid(0)


def test_a_decoder_that_wants_too_much_memory():
    with limited(MediaLimits(max_memory=0.3)):
        assert "0.3 GiB" in line(LimitError, fakes.allocates, 300)
    assert fakes.allocates(CLIP, 300) == 1


def test_a_decoder_writes_no_large_files_and_no_cores():
    with pytest.raises(DecoderFault, match="File too large"):
        fakes.writes_in_its_room(CLIP, 32 << 20)
    end_idle()
    assert fakes.core_size(CLIP) == 0


needs_landlock = pytest.mark.skipif(landlock_version() < 6, reason="the kernel has no Landlock, or an older one")


@needs_landlock
def test_a_decoder_that_is_taken_over_can_change_nothing(tmp_path):
    (tmp_path / "kept").write_text("as it was")
    for call in (fakes.removes, lambda path: fakes.writes(path, 1), lambda path: fakes.writes(path.parent / "new", 1)):
        with pytest.raises(DecoderFault, match="PermissionError"):
            call(tmp_path / "kept")
    assert [(it.name, it.read_text()) for it in tmp_path.iterdir()] == [("kept", "as it was")]
    assert fakes.length(tmp_path / "kept") == 9


def test_a_decoder_that_uses_a_gpu_is_left_free(tmp_path):
    """Its driver writes, starts programs and maps memory as it likes."""
    assert fakes.writes(tmp_path / "new", 9, cuda=0) == 9


@needs_landlock
def test_a_decoder_runs_no_program_connects_nowhere_and_ends_no_other():
    with pytest.raises(DecoderFault, match="PermissionError"):
        fakes.runs_a_program(CLIP)
    with pytest.raises(DecoderFault, match="PermissionError"):
        fakes.kills(CLIP, os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(DecoderFault, match="PermissionError"):
        fakes.connects(CLIP, server.getsockname()[1])


def test_a_decoder_has_a_room_of_its_own_that_goes_with_the_process_that_asks():
    asking = asks("print(fakes.writes_in_its_room(Path('a'), 9))")
    folder = Path(asking.communicate(timeout=60)[0].splitlines()[1])
    assert folder.name.startswith("vidgan-")
    assert not folder.exists()


def test_without_a_folder_for_temporary_files_all_but_writing_works(monkeypatch):
    def full(**given):
        raise OSError(errno.ENOSPC, "No space left on device")

    end_idle()
    room.cache_clear()
    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert fakes.length(Path(__file__)) == Path(__file__).stat().st_size
    end_idle()
    room.cache_clear()


def test_errors_come_back_as_they_are():
    line(PersonError, fakes.finds_nobody)
    with pytest.raises(PersonError) as caught:
        fakes.finds_nobody(CLIP)
    assert "finds_nobody" in caught.value.__notes__[0]
    with pytest.raises(DecoderFault, match="KeyError") as caught:
        fakes.is_wrong(CLIP)
    assert "is_wrong" in caught.value.__notes__[0]


def test_what_comes_back_is_checked():
    with pytest.raises(ValueError, match="int"):
        fakes.lies(CLIP)


def test_a_decoder_serves_again_and_two_at_once():
    first = fakes.process(CLIP)
    assert fakes.process(CLIP) == first
    with closing(fakes.counts(CLIP, 3)) as running:
        assert next(running)[1] == first
        second = fakes.process(CLIP)
        assert second != first
    assert fakes.process(CLIP) in (first, second)


def test_arrays_come_in_order():
    found = list(fakes.counts(CLIP, 5))
    for number, (array, _) in enumerate(found):
        np.testing.assert_array_equal(array, np.full((number, 2), number, np.float32))
    assert len(found) == 5


def test_what_is_broken_off_leaves_the_decoder_in_order():
    first = fakes.process(CLIP)
    for _ in range(20):
        with closing(fakes.counts(CLIP, 1000)) as running:
            assert [len(array) for array, _ in islice(running, 3)] == [0, 1, 2]
    assert fakes.process(CLIP) == first


def test_frames_that_nobody_reads_on_hold_no_decoder(bframes_clip):
    first = fakes.process(CLIP)
    with ClipReader(bframes_clip) as clip:
        assert [number_of(next(clip.frames(start)).rgb) for start in (3, 1, 2)] == [3, 1, 2]
        assert fakes.process(CLIP) == first


def test_a_crash_in_the_middle():
    running = fakes.counts(CLIP, 3, crash=True)
    assert len(list(islice(running, 3))) == 3
    with pytest.raises(MediaError, match="SIGABRT"):
        next(running)


def test_bytes_go_as_they_are():
    assert fakes.length(bytes(range(256)) * 1000) == 256_000
    assert fakes.length(Path(__file__)) == Path(__file__).stat().st_size


def test_off():
    with limited(MediaLimits(isolated=False)):
        assert fakes.process(CLIP) == os.getpid()


def test_frames_are_the_same_in_both(bframes_clip):
    with ClipReader(bframes_clip) as there, ClipReader(bframes_clip, limits=MediaLimits(isolated=False)) as here:
        for one, other in zip(there, here, strict=True):
            assert one.pts == other.pts
            np.testing.assert_array_equal(one.rgb, other.rgb)
        assert there.info == here.info
        assert there.notes == here.notes


def test_frames_may_be_written_on_and_kept(bframes_clip):
    with ClipReader(bframes_clip) as clip:
        kept = [frame.rgb for frame in clip]
    assert [number_of(rgb) for rgb in kept] == list(range(40))
    kept[0][:] = 0


def test_a_relative_path_after_the_folder_changed(bframes_clip, monkeypatch):
    fakes.process(CLIP)
    monkeypatch.chdir(bframes_clip.parent)
    with ClipReader(Path(bframes_clip.name)) as clip:
        assert str(clip.info.path) == bframes_clip.name


def asks(code):
    """A process that asks a decoder, prints the decoder's number, and goes on with the code."""
    before = (
        "from pathlib import Path; from tests.video import fake_decoders as fakes\n"
        "from vidgan.video.limits import MediaLimits, limited\n"
        "print(fakes.process(Path('a')), flush=True)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.Popen(
        [sys.executable, "-c", before + code], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )


def test_a_decoder_ends_with_the_process_that_asks():
    """However busy it is, and though the other one was killed."""
    asking = asks("fakes.sleeps(Path('a'), 60)")
    decoder = int(asking.stdout.readline())
    asking.kill()
    asking.wait()
    for _ in range(100):
        if not Path(f"/proc/{decoder}").exists():
            return
        time.sleep(0.1)
    os.kill(decoder, signal.SIGKILL)
    pytest.fail("the decoder lives on")
