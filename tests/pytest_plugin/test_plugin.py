"""Boards for tests, as pytest runs them against a real farm."""

import asyncio
import json
import os
import re
import shutil
import signal
import tomllib
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from boruta_farm.client.farm import Farm
from boruta_farm.model.request import Request, RequestState
from boruta_farm.pytest_plugin import plugin
from boruta_farm.testing import LocalBoard, LocalFarm, farm
from tests.pytest_plugin.running import Suite

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing"
)

WAYS = """
import pytest

seen = []

@pytest.mark.board("rpi4", tools="console power", arch="arm64", scope="module")
def test_it_is_operated(board, tmp_path):
    seen.append(board.request_id)
    assert (board.name, board.caps["board"]) == ("rpi4", "rpi4")
    (tmp_path / "there").write_text("file")
    board.put(tmp_path / "there", "x")
    board.get("x", tmp_path / "back")
    assert board.run("cat x", check=True).stdout == (tmp_path / "back").read_text() == "file"
    board.power.on()
    with board.forward(22) as port:
        assert port
    board.console.expect("imagined", timeout=20)
    board.console.send("first\\r")

@pytest.mark.board("rpi4", tools="console power", arch="arm64", scope="module")
def test_it_fails(board):
    assert seen == [board.request_id], "it was kept"
    assert "first" in board.console.expect("Unknown command.*", timeout=20).text
    assert not "the device is broken"
"""


def properties(path: Path, test: str) -> dict[str, str]:
    case = ElementTree.parse(path).find(f".//testcase[@name='{test}']")
    assert case is not None
    return {p.get("name", ""): p.get("value", "") for p in case.iter("property")}


def running(local: LocalFarm) -> list[int]:
    """Return the requests that are not over."""
    with local.connected() as (api, bridge):
        page = bridge.run(api.requests.list_requests(api.caller))
    return [one.id for one in page.items if not one.state.finished]


@pytest.mark.prove
def test_a_board_is_lent_used_reported_and_given_back(local_farm: LocalFarm, suite: Suite) -> None:
    suite.write(WAYS)
    printed = suite.run("--junit-xml=out.xml", "--boruta-logs=logs", status=1)
    assert "1 failed, 1 passed" in printed
    assert "AssertionError: assert not 'the device is broken'" in printed
    told = properties(suite.folder / "out.xml", "test_it_fails")
    assert told["boruta.board"] == "rpi4"
    assert told["boruta.worker"] == local_farm.boards()[0].uuid
    assert "boruta.fact.Kernel" in told
    assert "imagined" in told["boruta.console.uart"]
    assert b"imagined" in Path(told["boruta.log.uart"]).read_bytes()
    fine = properties(suite.folder / "out.xml", "test_it_is_operated")
    assert fine["boruta.board"] == "rpi4"
    assert "boruta.console.uart" not in fine
    assert "boruta board rpi4" in printed
    assert re.search(r"boruta console uart of rpi4 -+\n.*imagined", printed, re.DOTALL)
    (place,) = (suite.folder / "logs").iterdir()
    assert b"imagined" in (place / "rpi4.uart.log").read_bytes()
    assert json.loads((place / "rpi4.json").read_bytes())["board"] == "rpi4"
    assert running(local_farm) == []


@pytest.mark.prove
def test_what_cannot_be_had_fails_in_words_or_is_skipped(
    local_farm: LocalFarm, suite: Suite
) -> None:
    suite.write("""
import pytest
@pytest.mark.board("rpi4", ram=">= 64")
def test_none(board): ...
@pytest.mark.board("rpi4", ram=">= 64")
def test_none_again(board): ...
@pytest.mark.board("rpi4", wait="1ms")
def test_at_once(board): ...
@pytest.mark.board("rpi4", scope="class")
def test_wrong(board): ...
@pytest.mark.board("rpi4", name="a")
@pytest.mark.board("rpi4", name="b")
def test_two_of_one(boards): ...
""")
    printed = suite.run("--boruta-missing=skip", "-rsE", status=1)
    assert "4 skipped, 1 error" in printed
    assert "no registered board has ram >= 64; nearest miss: rpi4 has no ram" in printed
    assert "(not tried again in this run)" in printed
    assert "no board for rpi4 within 0.001 s" in printed
    assert "too few boards for all of these at once" in printed
    assert "scope='class' is none of test, module, session" in printed
    assert running(local_farm) == []


def test_a_run_does_not_wait_for_a_board_that_it_keeps_itself(
    local_farm: LocalFarm, suite: Suite
) -> None:
    suite.write(
        """
import pytest
@pytest.mark.board("rpi4", scope="module")
def test_keeps(board): ...
@pytest.mark.board("rpi4")
def test_alone(board): ...
@pytest.mark.board("rpi4", name="a")
@pytest.mark.board("any", name="b")
def test_pair(boards): ...
@pytest.mark.board("rpi4", scope="module")
def test_still_keeps(board): ...
""",
        "test_first.py",
    )
    suite.write(
        """
import pytest
@pytest.mark.board("rpi4")
def test_later(board): ...
""",
        "test_second.py",
    )
    printed = suite.run("--boruta-missing=skip", "--boruta-wait=1m", "-rs")
    assert "3 passed, 2 skipped" in printed
    assert printed.count("this run itself keeps rpi4 for its module or session") == 2
    assert running(local_farm) == []


def test_nothing_of_ours_is_imported_before_a_board_is_asked_for(suite: Suite) -> None:
    suite.write("""
import sys
def test_plain():
    ours = sorted(name for name in sys.modules if name.startswith("boruta_farm"))
    assert ours == ["boruta_farm", "boruta_farm.pytest_plugin", "boruta_farm.pytest_plugin.plugin"]
    assert "httpx" not in sys.modules
""")
    assert "1 passed" in suite.run()


@pytest.mark.prove
def test_a_wrong_option_is_refused_before_anything_runs(suite: Suite) -> None:
    suite.write("def test_plain(): ...")
    assert "write one of fail, skip" in suite.run("--boruta-missing=hope", status=4)


HELD = """
def test_it(board):
    board.run("sleep 600")
"""


@pytest.mark.prove
@pytest.mark.parametrize("options", [(), ("-n", "1", "-p", "xdist")], ids=["alone", "xdist"])
def test_a_run_that_is_killed_holds_its_board_no_longer_than_its_keep_alive(
    local_farm: LocalFarm, suite: Suite, options: tuple[str, ...]
) -> None:
    """Of a run with workers only pytest itself is killed: they end by seeing that it is gone."""
    suite.write(HELD)
    with (
        suite.start("--boruta-keep-alive=10s", *options) as process,
        local_farm.connected() as (api, bridge),
    ):
        held = bridge.run(next_in(api, RequestState.IN_PROGRESS))
        began = api.now()
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        ended = bridge.run(next_in(api, RequestState.DONE, held.id))
        assert ended.finished is not None
        assert ended.finished - began < timedelta(seconds=14)
        assert ended.reason is not None
        # A worker may come to give it back itself.
        assert "KeepAlive" in ended.reason or (options and ended.reason == "closed")


async def next_in(api: Farm, state: RequestState, number: int | None = None) -> Request:
    """Return the first request that is in a state, once one is."""
    async with asyncio.timeout(60), api.watch() as happenings:
        async for _ in happenings:
            for one in (await api.requests.list_requests(api.caller)).items:
                if one.state is state and number in (None, one.id):
                    return one
    raise AssertionError("the events ended")


@pytest.mark.prove
def test_two_runs_that_want_the_same_two_boards_both_end() -> None:
    """Each wants them under names in the other order; none ever has to give up."""
    tests = """
import pytest
@pytest.mark.board({first!r}, name="a")
@pytest.mark.board({second!r}, name="b")
@pytest.mark.parametrize("number", range(4))
def test_both(boards, number):
    assert boards["a"].name == {first!r} and boards["b"].name == {second!r}
    assert boards["a"].run("true").returncode == 0
"""
    with farm(LocalBoard(name="one"), LocalBoard(name="two")) as local:
        processes = []
        for place, pair in (("x", ("one", "two")), ("y", ("two", "one"))):
            folder = local._held._folder / place
            folder.mkdir()
            suite = Suite(folder)
            suite.write(tests.format(first=pair[0], second=pair[1]))
            processes.append(suite.start("--boruta-wait=2m", environment=local.environment))
        for process in processes:
            printed, _ = process.communicate(timeout=180)
            assert process.returncode == 0, printed
            assert "4 passed" in printed


@pytest.mark.prove
def test_each_worker_of_xdist_has_its_own() -> None:
    tests = """
import pytest
@pytest.mark.board("board=rpi4", scope="session")
@pytest.mark.parametrize("number", range(8))
def test_it(board, number, worker_id):
    with open("seen", "a") as file:
        file.write(f"{worker_id} {board.name}\\n")
"""
    with farm(LocalBoard(name="one"), LocalBoard(name="two")) as local:
        suite = Suite(local._held._folder)
        suite.write(tests)
        suite.run("-n", "2", "-p", "xdist", environment=local.environment)
        seen = {tuple(line.split()) for line in (suite.folder / "seen").read_text().splitlines()}
        assert len(seen) == 2
        assert len({board for _, board in seen}) == len({worker for worker, _ in seen}) == 2


def test_pytest_finds_it_once_the_package_is_installed() -> None:
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        told = tomllib.load(file)["project"]["entry-points"]["pytest11"]
    assert told == {"boruta": plugin.__name__}
