"""A console's log over HTTP: as it came, with times, its last lines; whose it is, and whose not."""

import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.web.peopled import peopled_web
from tests.web.serving import NewWorld, World

from boruta_farm.farm import consoles
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.console import (
    LONGEST_CHUNK,
    ConsoleChunk,
    ConsoleEvent,
    ConsolePiece,
    pack_chunk,
)
from boruta_farm.model.errors import StaleEpochError, TooManyCallsError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest

UUID = "00000000-0000-4000-8000-000000000007"
AT = 1_800_000_000_000_000
SAID = b"U-Boot\r\n\x1b[2J\xff\x00"


def chunk(*data: bytes, sequence: int = 0, count: int = 1, console: str = "uart") -> ConsoleChunk:
    pieces = [
        ConsolePiece(at=AT + 1500 * n, event=ConsoleEvent.BYTES, data=each)
        for n, each in enumerate(data)
    ]
    return ConsoleChunk(
        console=console, sequence=sequence, count=count, dropped=9, content=pack_chunk(pieces)
    )


async def lent(world: World) -> tuple[int, int]:
    """Return request and epoch of a running job."""
    await world.requests.new_request(LOCAL_ADMIN, NewRequest(caps={"board": "x"}, priority=8))
    await world.lend(UUID, "lab", {"board": "x"})
    (request,) = await world.kept()
    assert request.job is not None
    return request.id, request.job.epoch


async def get(world: World, path: str) -> httpx.Response:
    async with world.client() as client:
        return await client.get(f"/api/v1/reqs/{path}")


async def test_what_a_console_said_is_read_as_it_came(new_world: NewWorld) -> None:
    world = await new_world()
    number, epoch = await lent(world)
    answer = await get(world, f"{number}/console")
    assert answer.status_code == 404
    assert "is running, and its log comes when it has ended" in answer.json()["message"]
    keep = world.farm.reports.console
    last = chunk(b"line 2\nline 3\n", sequence=1, count=2)
    for part in (chunk(SAID, b"\nnext\n", count=2), last, last):
        await keep(UUID, epoch, part)
    with pytest.raises(StaleEpochError):
        await keep(UUID, epoch + 1, last)
    answer = await get(world, f"{number}/console")
    assert answer.content == SAID + b"\nnext\nline 2\nline 3\n"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["boruta-console-dropped"] == "9"
    assert answer.headers["boruta-console-complete"] == "1"
    assert (await get(world, f"{number}/console?tail=2")).content == b"line 2\nline 3\n"
    timed = (await get(world, f"{number}/console?times=1")).content
    assert timed.startswith(b"2027-01-15T08:00:00.000Z U-Boot\r\n2027-01-15T08:00:00.000Z \x1b[2J")
    assert b"\n2027-01-15T08:00:00.001Z next\n" in timed
    # It is in nothing else that the farm tells.
    assert b"U-Boot" not in (await get(world, str(number))).content
    assert not [e for e in await world.store.events(0, 1000) if "U-Boot" in str(e)]


async def test_what_a_console_said_is_a_recording_in_its_own_time(new_world: NewWorld) -> None:
    world = await new_world()
    number, epoch = await lent(world)
    said = (
        (AT, ConsoleEvent.BYTES, b"U-Boot\ngr\xc3"),
        (AT + 1_500_000, ConsoleEvent.BYTES, b"\xbc\xc3\x9f\r\n\x1b[1m\xff"),
        (AT + 2_000_000, ConsoleEvent.VANISHED, b""),
        (AT - 9_000_000, ConsoleEvent.BYTES, b"the clock is set back \xc3"),
    )
    pieces = [ConsolePiece(at=at, event=event, data=data) for at, event, data in said]
    part = replace(chunk(), content=pack_chunk(pieces))
    await world.farm.reports.console(UUID, epoch, part)
    answer = await get(world, f"{number}/console?cast=1")
    assert answer.headers["content-disposition"] == 'attachment; filename="uart.cast"'
    head, *events = map(json.loads, answer.content.splitlines())
    assert head == {
        "version": 2,
        "width": 80,
        "height": 24,
        "timestamp": AT // 1_000_000,
        "idle_time_limit": 2.0,
        "title": f"uart of request {number}",
    }
    assert events == [
        [0, "o", "U-Boot\r\ngr"],
        [1.5, "o", "\u00fc\u00df\r\n\x1b[1m\ufffd"],
        [2, "m", "the port vanished"],
        [2, "o", "the clock is set back "],
        [2, "o", "\ufffd"],
    ]
    refused = await get(world, f"{number}/console?cast=1&tail=3")
    assert refused.status_code == 400
    assert "leave tail and times away" in refused.json()["message"]


async def test_a_recording_of_silence_is_one_all_the_same(new_world: NewWorld) -> None:
    world = await new_world()
    number, epoch = await lent(world)
    await world.farm.reports.console(UUID, epoch, chunk())
    (line,) = (await get(world, f"{number}/console?cast=1")).content.splitlines()
    assert json.loads(line)["version"] == 2


async def test_several_consoles_are_told_apart_and_nonsense_is_told(new_world: NewWorld) -> None:
    world = await new_world()
    number, epoch = await lent(world)
    await world.farm.reports.console(UUID, epoch, chunk(b"a", console="uart"))
    bomb = ConsoleChunk(console="bmc", sequence=0, count=1, dropped=0, content="eJw!")
    await world.farm.reports.console(UUID, epoch, bomb)
    assert (await get(world, f"{number}/console?name=uart")).content == b"a"
    assert (await get(world, f"{number}/console?name=bmc")).content == b""
    assert "name one of bmc, uart" in (await get(world, f"{number}/console")).json()["message"]
    assert (await get(world, f"{number}/console?name=hdmi")).status_code == 404
    assert (await get(world, f"{number}/console?name=uart&tail=x")).status_code == 400
    assert (await get(world, "99/console")).status_code == 404


async def test_the_owner_and_admins_read_it_and_nobody_else(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann", "kernel")
        bob = await web.secret("bob", "kernel")
        boss = await web.secret("boss", "kernel", role=Role.GROUP_ADMIN)
        reply = await web.call("POST", "reqs/", ann, {"Priority": 8})
        path = f"reqs/{reply.json['ReqID']}/console"
        seen = {
            name: (await web.call("GET", path, secret)).status
            for name, secret in (("ann", ann), ("bob", bob), ("boss", boss))
        }
        seen["admin"] = (await web.call("GET", path, web.root_secret)).status
        # 404: there is none yet, which only those hear who may read it.
        assert seen == {"ann": 404, "bob": 403, "boss": 403, "admin": 404}


async def test_one_board_cannot_drive_out_what_others_said(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is bounded over all boards, and names of consoles are the board's to choose."""
    monkeypatch.setattr(consoles, "TOLD_AT_ONCE", 3 * LONGEST_CHUNK)
    world = await new_world()
    _, epoch = await lent(world)
    flood = ConsoleChunk(console="a", sequence=0, count=1, dropped=0, content="x" * LONGEST_CHUNK)
    for console in "abc":
        await world.farm.consoles.keep(UUID, epoch, replace(flood, console=console))
    with pytest.raises(TooManyCallsError, match="consoles of this board"):
        await world.farm.consoles.keep(UUID, epoch, replace(flood, console="d"))
