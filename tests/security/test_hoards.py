"""Threat: what one account has filed takes the farm's memory, or a list of it stops everybody."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from boruta_farm.core import requests
from boruta_farm.model.errors import LimitError, QuotaError
from boruta_farm.model.request import NewRequest, RequestUpdate
from boruta_farm.model.settings import FarmSettings
from boruta_farm.store.listing import PAGE_SIZE
from tests.core.people import ANN, BOB, peopled
from tests.core.world import NOW, DictWorld
from tests.farm.people import SOURCE
from tests.web.peopled import PeopledWeb, peopled_web

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
    web: PeopledWeb, secret: str, body: object
) -> tuple[int, dict[bytes, bytes], list[bytes]]:
    """List as a caller does who stays; returns status, headers and the pieces written."""
    scope = {
        "type": "http",
        "scheme": "http",
        "method": "POST",
        "path": "/api/v1/reqs/list",
        "raw_path": b"/api/v1/reqs/list",
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
