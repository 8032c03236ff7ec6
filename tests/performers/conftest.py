from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.performers.tiny import FRAMES, SEED, SIZE
from vidgan.progress import Silent

# Without the extra `performers` there is nothing to test.
collect_ignore_glob = [] if find_spec("anny") else ["test_*.py"]


@pytest.fixture(scope="session")
def render(tmp_path_factory):
    from vidgan.performers.pair import render_pair

    return lambda: render_pair(tmp_path_factory.mktemp("pair"), seed=SEED, frames=FRAMES, size=SIZE, progress=Silent())


@pytest.fixture(scope="session")
def tiny_pair(render):
    return render()


@pytest.fixture(scope="session")
def second_pair(render):
    return render()


@pytest.fixture(scope="session")
def plan():
    from vidgan.performers.pair import plan_pair

    return plan_pair(SEED, 60, 25)


@pytest.fixture(scope="session")
def driver(plan):
    from vidgan.performers.performer import Performer

    return Performer(plan.driver)


@pytest.fixture(scope="session")
def subject(plan):
    from vidgan.performers.performer import Performer

    return Performer(plan.subject)


@pytest.fixture
def out_dir(tmp_path):
    return tmp_path / "pair"
