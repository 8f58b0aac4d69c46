"""Which way is taken: the first that answers, each tried a little after the one before."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.way import DIRECT, BoardWay
from boruta_farm.client.ways import Try, find_way, first_of
from boruta_farm.model.errors import NotFoundError, UnavailableError
from boruta_farm.model.via import Via
from boruta_farm.model.worker import AccessInfo
from tests.client.serving import Served
from tests.ports import free_port
from tests.web.serving import World
from tests.web.tunnelling import lent

HTTPS, DOOR = BoardWay(via=Via.HTTPS), BoardWay(via=Via.DOOR)


class Tried:
    """Note which ways are tried, in which order, and answer when told."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    def works(self, way: BoardWay) -> Try:
        async def attempt() -> BoardWay:
            self.tried.append(way.via)
            return way

        return attempt

    def fails(self, name: str, error: Exception) -> Try:
        async def attempt() -> BoardWay:
            self.tried.append(name)
            raise error

        return attempt

    def hangs(self, name: str) -> Try:
        async def attempt() -> BoardWay:
            self.tried.append(name)
            await asyncio.Event().wait()
            raise AssertionError

        return attempt


async def test_what_works_at_once_leaves_the_others_untried() -> None:
    tried = Tried()
    assert await first_of([[tried.works(DIRECT)], [tried.works(HTTPS)]], 60) is DIRECT
    assert tried.tried == ["tunnel"]


async def test_what_fails_gives_way_at_once() -> None:
    tried = Tried()
    steps = [[tried.fails("a", OSError())], [tried.fails("b", TimeoutError())], [tried.works(DOOR)]]
    assert await first_of(steps, 60) is DOOR
    assert await first_of([[tried.fails("c", UnavailableError())]], 60) is None
    assert tried.tried == ["a", "b", "door", "c"]


async def test_what_hangs_gives_way_after_its_head_start() -> None:
    tried = Tried()
    assert (
        await first_of([[tried.hangs("a")], [tried.hangs("b")], [tried.works(HTTPS)]], 0) is HTTPS
    )
    assert tried.tried == ["a", "b", "https"]


async def test_those_of_one_step_are_tried_at_once() -> None:
    tried = Tried()
    assert await first_of([[tried.hangs("a"), tried.works(HTTPS)]], 60) is HTTPS


async def test_a_fault_of_ours_is_no_way_that_does_not_work() -> None:
    tried = Tried()
    with pytest.raises(ZeroDivisionError):
        await first_of([[tried.fails("a", ZeroDivisionError())], [tried.works(HTTPS)]], 60)


def access(port: int) -> AccessInfo:
    return AccessInfo(ip="127.0.0.1", port=port, key="", username="user", host_key=None)


async def test_a_way_that_works_is_found_and_remembered_for_the_farm(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with lent(world) as (port, board):
        server = f"http://127.0.0.1:{port}"
        async with connect(ClientConfig(server=server)) as farm:
            assert (await find_way(farm, 1, access(board.port))).via is Via.TUNNEL
            remembered = tmp_path / "boruta" / "ways.json"
            assert not remembered.exists()
            closed = access(free_port())
            assert (await find_way(farm, 1, closed)).via is Via.HTTPS
            assert json.loads(remembered.read_text()) == {server: "https"}
            assert (await find_way(farm, 1, access(board.port))).via in (Via.TUNNEL, Via.HTTPS)
            remembered.write_text("damaged")
            assert (await find_way(farm, 1, closed)).via is Via.HTTPS
            # Nothing leads to a request that is none of ours: ssh tells what is wrong.
            assert await find_way(farm, 7, closed) is DIRECT


async def test_a_way_that_is_named_is_taken_untried(farm: Farm, served: Served) -> None:
    nowhere = access(free_port())
    assert await find_way(farm, 1, nowhere, Via.TUNNEL) is DIRECT
    assert (await find_way(farm, 1, nowhere, Via.HTTPS)).via is Via.HTTPS
    assert (await find_way(farm, 1, nowhere, Via.DOOR)).words[-1] == "r1"
    served.answers["door"] = [NotFoundError("no front door")]
    with pytest.raises(NotFoundError, match="no front door"):
        await find_way(farm, 1, nowhere, Via.DOOR)


async def test_a_farm_in_this_process_has_the_boards_own_ports_alone(farm: Farm) -> None:
    farm.config = None
    assert await find_way(farm, 1, replace(access(1))) is DIRECT
    with pytest.raises(UnavailableError, match="--via tunnel"):
        await find_way(farm, 1, access(1), Via.HTTPS)
