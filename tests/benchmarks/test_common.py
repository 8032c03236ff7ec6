from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.common import in_child

CHILDREN = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
CHILD = """
import time
from pathlib import Path
from benchmarks.common import in_child

if __name__ == "__main__":
    in_child(time.sleep, 600)
"""


def children(process):
    """The running processes below one."""
    return [int(it) for it in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@pytest.mark.skipif(not CHILDREN.exists(), reason="the kernel does not list children")
def test_a_killed_benchmark_leaves_no_process_behind(tmp_path):
    (tmp_path / "long.py").write_text(CHILD)
    where = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, tmp_path / "long.py"], env=where)
    ends = time.monotonic() + 60
    while not (found := children(process.pid)) and time.monotonic() < ends:
        time.sleep(0.1)
    time.sleep(5)  # the child starts
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(Path(f"/proc/{it}").exists() for it in found) and time.monotonic() < ends + 60:
        time.sleep(0.1)
    assert found
    assert not any(Path(f"/proc/{it}").exists() for it in found)


def test_a_child_gives_its_result_and_its_error():
    assert in_child(abs, -3) == 3
    with pytest.raises(ValueError, match="invalid literal"):
        in_child(int, "three")
