"""What every test needs."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop
from hypothesis import settings

from boruta_farm.testing import LocalFarm, farm
from tests.store.postgres_server import NoServerError, PostgresServer, running

# `./run test` repeats itself exactly; the long runs of `./run prove` draw anew (derandomize=False)
# and print how to repeat what failed.
settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, print_blob=True
)
settings.load_profile("repeatable")

# A run in the background may have inherited signals that are ignored, and would pass that on to
# the processes whose answer to these very signals is tested.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """Take back what a test changed about the log: its stream is closed when the test is over."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


ON_UVLOOP = ("server", "security")
"""Folders whose tests run on the loop of the server: its connections differ in much."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop of a test."""
    if item.path.parent.name in ON_UVLOOP:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """Run a server of PostgreSQL, in which each test makes databases of its own."""
    try:
        with running() as server:
            yield server
    except NoServerError as reason:
        pytest.skip(f"PostgreSQL cannot be tested here: {reason}")


@pytest.fixture
def utc() -> Iterator[None]:
    """Let the local zone be UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
def running_farm() -> Iterator[LocalFarm]:
    """Return one real farm for all tests of a file: to start it takes a second or two.

    It does not outlive them: what its thread draws by chance is a surprise to who repeats chances.
    """
    with farm() as running:
        yield running


@pytest.fixture
def local_farm(running_farm: LocalFarm, monkeypatch: pytest.MonkeyPatch) -> LocalFarm:
    """Return the real farm with its board IDLE, found by the environment as by a user's."""
    for name, value in running_farm.environment.items():
        monkeypatch.setenv(name, value)
    running_farm.settle()
    return running_farm


LONGEST_PROOFS = ("guided_mutations", "a_hundred_kills")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each of two processes, which begin with half of the proofs, begin with a long one."""
    longest = [item for part in LONGEST_PROOFS for item in items if part in item.name]
    if not longest:
        return
    share = -(-len(items) // len(longest))
    items[:] = [item for item in items if item not in longest]
    for number, item in enumerate(longest):
        items.insert(number * share, item)
