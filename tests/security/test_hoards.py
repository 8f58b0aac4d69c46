"""Threat: what one account has filed takes the farm's memory, or a list of it stops everybody."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from boruta_farm.core import registration, requests
from boruta_farm.farm.requests import BESIDES
from boruta_farm.model.account import AccountChange
from boruta_farm.model.errors import LimitError, QuotaError
from boruta_farm.model.permission import Role
from boruta_farm.model.request import NewRequest, RequestUpdate
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.store.listing import PAGE_SIZE
from boruta_farm.web.lists import WRITTEN_TOGETHER
from tests.core.people import ANN, BOB, peopled
from tests.core.world import NOW, DictWorld
from tests.farm.people import SOURCE
from tests.web.peopled import PeopledWeb, peopled_web

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
LARGE = {f"cap-{number}": "x" * 4000 for number in range(16)}
HOARD = 150
"""Requests as large as allowed: more than a page holds."""


async def hoarded(web: PeopledWeb) -> str:
    secret = await web.secret("ann")
    ann = web.people.farm.directory.admit(secret, SOURCE)
    new = NewRequest(caps=LARGE, priority=8)
    await asyncio.gather(*(web.people.farm.requests.new_request(ann, new) for _ in range(HOARD)))
    return secret


async def listed(
    web: PeopledWeb,
    secret: str,
    body: object,
    path: str = "reqs/list",
    method: str = "POST",
) -> tuple[int, dict[bytes, bytes], list[bytes]]:
    """List as a caller does who stays; returns status, headers and the pieces written."""
    scope = {
        "type": "http",
        "scheme": "http",
        "method": method,
        "path": f"/api/v1/{path}",
        "raw_path": f"/api/v1/{path}".encode(),
        "query_string": b"",
        "headers": [(b"host", b"farm"), (b"authorization", f"Bearer {secret}".encode())],
        "client": (SOURCE, 50000),
        "server": ("192.0.2.1", 8487),
    }
    incoming: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode()}]
    answer: list[Message] = []

    async def receive() -> Message:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop()

    async def send(message: Message) -> None:
        answer.append(message)

    await web.app(scope, receive, send)
    pieces = [message["body"] for message in answer[1:] if message.get("body")]
    return answer[0]["status"], dict(answer[0]["headers"]), pieces


async def test_a_page_ends_before_it_is_too_large_and_says_so(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await hoarded(web)
        ids: list[int] = []
        border: dict[str, Any] = {}
        while True:
            wanted = {"Paginator": {"Limit": 1000, **border}}
            status, headers, pieces = await listed(web, secret, wanted)
            assert status == 200
            assert sum(map(len, pieces)) <= PAGE_SIZE
            page = json.loads(b"".join(pieces))
            assert int(headers[b"boruta-list-batch-size"]) == len(page)
            ids += [request["ID"] for request in page]
            assert int(headers[b"boruta-list-remaining"]) == HOARD - len(ids)
            if len(ids) == HOARD:
                break
            border = {"ID": ids[-1]}
        assert ids == list(range(1, HOARD + 1))


@pytest.mark.parametrize("body", [None, {"Filter": {"States": ["WAITING"]}}])
async def test_a_list_without_pages_is_whole_and_written_as_it_is_read(
    body: object, tmp_path: Path
) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await hoarded(web)
        status, headers, pieces = await listed(web, secret, body)
        assert status == 200
        assert max(map(len, pieces)) <= PAGE_SIZE
        whole = json.loads(b"".join(pieces))
        assert [request["ID"] for request in whole] == list(range(1, HOARD + 1))
        assert headers[b"boruta-list-total"] == headers[b"boruta-list-batch-size"] == b"150"


BOARDS = 160
"""Boards that tell as much as allowed: more than a page holds."""


async def board_hoard(web: PeopledWeb) -> list[str]:
    uuids = [f"00000000-0000-4000-8000-{number:012}" for number in range(BOARDS)]
    for uuid in uuids:
        board = Registration(
            caps={"UUID": uuid, **LARGE, "cap-0": "x" * 3000},
            dryad_address="192.0.2.9:7175",
            ssh_address="192.0.2.9:22",
            fence=Fence.AGENT,
            credential="hash",
            local=True,
        )
        await web.people.farm.superviser.register(board)
    return uuids


async def test_so_is_a_list_of_workers(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        uuids = await board_hoard(web)
        for path, method in (("workers/", "GET"), ("workers/list", "POST")):
            status, headers, pieces = await listed(web, web.root_secret, None, path, method)
            assert status == 200
            assert max(map(len, pieces)) <= 2 * WRITTEN_TOGETHER
            assert [board["WorkerUUID"] for board in json.loads(b"".join(pieces))] == uuids
            assert headers[b"boruta-list-batch-size"] == b"%d" % BOARDS
        page = {"Paginator": {"Limit": 1000, "Direction": "backward"}}
        status, headers, pieces = await listed(web, web.root_secret, page, "workers/list")
        told = [board["WorkerUUID"] for board in json.loads(b"".join(pieces))]
        assert told == uuids[-len(told) :]
        assert int(headers[b"boruta-list-remaining"]) == BOARDS - len(told) > 0
        page = {"Sorter": {"Item": "name"}}
        status, _, pieces = await listed(web, web.root_secret, page, "workers/list")
        assert status == 503
        reply = await web.call("HEAD", "workers/", web.root_secret)
        assert (reply.status, reply.body) == (204, b"")


async def test_lists_of_people_are_written_in_pieces_too(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        keys = tuple(f"ssh-ed25519 {KEY} {'x' * 150}-{number}" for number in range(16))
        names = [f"user-{number:03}" for number in range(120)]
        for name in names:
            change = AccountChange(role=Role.USER, ssh_keys=keys)
            await web.people.farm.accounts.save_account(web.root, name, change)
        _, _, pieces = await listed(web, web.root_secret, None, "users/", "GET")
        assert len(pieces) > 1
        told = [account["Name"] for account in json.loads(b"".join(pieces))]
        assert set(names) < set(told)
        for path in ("tokens/", "groups/"):
            _, _, pieces = await listed(web, web.root_secret, None, path, "GET")
            assert isinstance(json.loads(b"".join(pieces)), list)


async def test_or_it_is_refused_never_short(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        secret = await hoarded(web)
        status, _, pieces = await listed(web, secret, {"Sorter": {"Item": "priority"}})
        assert status == 503
        assert b"with a Paginator" in b"".join(pieces)


def test_a_request_is_bounded_as_a_whole() -> None:
    new = NewRequest(caps={**LARGE, "one-more": "x" * 4000}, priority=8)
    with pytest.raises(LimitError, match="'max_request_length' of 65536"):
        requests.create(peopled(DictWorld()), ANN, new, NOW)


def test_it_is_bounded_by_the_bytes_that_it_takes_where_it_is_told() -> None:
    world = peopled(DictWorld(FarmSettings(max_request_length=1000)))
    for sign in ("\x01", "ü", "板", "\U0001f600", '"'):
        takes = len(json.dumps({"cap": sign}, ensure_ascii=False).encode()) - len('{"cap": ""}')
        fits = NewRequest(caps={"cap": sign * (997 // takes)}, priority=8)
        more = NewRequest(caps={"cap": sign * (997 // takes + 1)}, priority=8)
        assert requests.create(world, ANN, fits, NOW).steps
        with pytest.raises(LimitError, match="'max_request_length' of 1000"):
            requests.create(world, ANN, more, NOW)


def test_what_a_board_tells_is_bounded_as_a_whole() -> None:
    board = Registration(
        caps={"UUID": "00000000-0000-4000-8000-000000000001", **LARGE},
        dryad_address="192.0.2.9:7175",
        ssh_address="192.0.2.9:22",
        fence=Fence.NONE,
    )
    with pytest.raises(LimitError, match="a board tells at most 65536 bytes"):
        registration.register(DictWorld(), replace(board, facts={"more": "x" * 2000}), NOW)
    assert registration.register(DictWorld(), board, NOW).steps


def test_so_is_all_that_an_owner_has_waiting() -> None:
    world = peopled(DictWorld(FarmSettings(max_waiting_length=100_000)))
    new = NewRequest(caps={"cap": "x" * 4000}, priority=8)
    filed = [world.apply(requests.create(world, ANN, new, NOW)).id for _ in range(24)]
    with pytest.raises(QuotaError, match="'max_waiting_length' of 100000"):
        requests.create(world, ANN, new, NOW)
    assert requests.create(world, BOB, new, NOW).steps
    world.apply(requests.close(world, filed[0], NOW))
    assert requests.create(world, ANN, new, NOW).steps


def test_an_update_makes_no_request_larger_than_it_may_be() -> None:
    world = peopled(DictWorld(FarmSettings(max_waiting_length=8000)))
    filed = [
        world.apply(requests.create(world, ANN, NewRequest(caps=caps, priority=8), NOW)).id
        for caps in ({"cap": "x" * 3997}, {})
    ]
    grown = RequestUpdate(caps={"cap": "x" * 3998})
    large = RequestUpdate(caps=dict.fromkeys("ab", "x" * 4000))
    with pytest.raises(QuotaError, match="'max_waiting_length' of 8000"):
        requests.update(world, filed[1], large, NOW)
    with pytest.raises(LimitError, match="'max_request_length' of 65536"):
        requests.update(world, filed[1], RequestUpdate(caps={**LARGE, "more": "x" * 4000}), NOW)
    world.apply(requests.update(world, filed[0], grown, NOW))
    assert world.waiting_size(ANN.id) == 4001


async def test_what_waits_is_counted_over_batches_and_restarts(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        await hoarded(web)
        farm, store = web.people.farm, web.people.store
        ann = (await farm.accounts.get_account(web.root, "ann")).id
        size = sum(len(name) + len(value) for name, value in LARGE.items())
        assert await store.execute(lambda tx, _now: tx.waiting_size(ann)) == HOARD * size
        for number in (1, 2, 3):
            await farm.requests.close_request(web.root, number)
        assert await store.execute(lambda tx, _now: tx.waiting_size(ann)) == (HOARD - 3) * size


async def test_who_files_and_closes_for_ever_fills_no_disk(tmp_path: Path) -> None:
    """At 20 requests a second, each as large as allowed, one account wrote 5 GB in an hour."""
    settings = FarmSettings(max_filed_length=1_000_000)
    async with peopled_web(tmp_path, settings=settings) as web:
        ann, bob = await web.secret("ann"), await web.secret("bob")
        wishes = {"Priority": 8, "Caps": LARGE}
        codes = []
        for _ in range(40):
            reply = await web.call("POST", "reqs/", ann, wishes)
            codes.append(reply.status)
            if reply.status == 201:
                await web.call("POST", f"reqs/{reply.json['ReqID']}/close", ann)
        assert codes.count(201) == 1_000_000 // (64_108 + BESIDES)
        assert set(codes) == {201, 429}
        assert "bytes a second from this account" in reply.json["message"]
        assert int(reply.headers["retry-after"]) > 600
        small = {"Priority": 8, "Caps": {"board": "rpi4"}}
        assert (await web.call("POST", "reqs/", ann, small)).status == 201
        assert (await web.call("POST", "reqs/", bob, wishes)).status == 201
        web.people.clock.advance(timedelta(days=1))
        assert (await web.call("POST", "reqs/", ann, wishes)).status == 201


async def test_requests_that_ask_for_nothing_drive_out_nobody_s_history(tmp_path: Path) -> None:
    """The history is cut off by number: one account's ten thousands would be all that is left."""
    settings = FarmSettings(max_filed_length=20 * BESIDES)
    async with peopled_web(tmp_path, settings=settings) as web:
        ann = await web.secret("ann")
        codes = []
        for _ in range(30):
            reply = await web.call("POST", "reqs/", ann, {"Priority": 8})
            codes.append(reply.status)
        assert codes == [201] * 20 + [429] * 10
