"""What a decoder may still do, asked of real processes."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

import pytest

from vidgan.video.isolate import end_idle
from vidgan.video.landlock import landlock_version
from vidgan.video.rights import rights_left
from vidgan.video.seccomp import seccomp_there

NOTHING = Path(os.devnull)
HELD_BY_SECCOMP = {"run programs", "open sockets", "signal processes", "change permissions and times"}
needs_seccomp = pytest.mark.skipif(not seccomp_there(), reason="the kernel takes no filter")
needs_landlock = pytest.mark.skipif(not landlock_version(), reason="the kernel has no Landlock")


@needs_seccomp
@needs_landlock
def test_a_decoder_may_do_none_of_it():
    assert rights_left(NOTHING) == []


def test_a_process_that_gave_nothing_up_may_do_all():
    assert set(inspect.unwrap(rights_left)(NOTHING)) == HELD_BY_SECCOMP | {"write files"}


@needs_seccomp
def test_without_its_filter_a_decoder_is_seen_to_have_more_rights(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import vidgan.video.seccomp as it\nit.only_decode = lambda: False\n"  # as where the filter fails to be set
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    end_idle()
    try:
        assert {"open sockets", "change permissions and times"} <= set(rights_left(NOTHING))
    finally:
        end_idle()
