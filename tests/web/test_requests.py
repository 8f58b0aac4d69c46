import asyncio
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from tests.core.test_requests import ED25519
from tests.web.serving import KEY, NOW, NewWorld, World, noted, raw_call, served

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.explanation import (
    AbsentWorker,
    Cause,
    Explanation,
    Forecast,
    Guess,
    JobLimit,
    Lack,
    NearMiss,
    WorkerHolder,
)
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.worker import AccessInfo
from boruta_farm.web.answers import explained
from boruta_farm.web.answers import told as encoded
from boruta_farm.web.services import WebOptions

UUID = "00000000-0000-4000-8000-000000000001"
NEW = {"Priority": 8, "Caps": {"type": "t1"}}


async def filed(world: World, body: object = NEW, headers: dict[str, str] | None = None) -> int:
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    found: int = answer.json()["ReqID"]
    return found


async def test_own_key_and_keep_alive_are_passed_on(world: World) -> None:
    await filed(world, NEW | {"SSHKey": ED25519, "KeepAlive": 60})
    await filed(world, NEW | {"SSHKey": "", "KeepAlive": 0})
    assert [(kept.ssh_key, kept.keep_alive) for kept in await world.kept()] == [
        (ED25519, 60),
        (None, None),
    ]


async def test_a_length_is_in_seconds_and_prolonging_takes_a_body(world: World) -> None:
    request_id = await filed(world, {**NEW, "Length": 600})
    await world.lend(UUID, "board-1", {"type": "t1"})
    path = f"/api/v1/reqs/{request_id}"

    async def prolonged(content: bytes, status: int = 204) -> timedelta:
        """Return the job's length after a call."""
        async with world.client() as client:
            answer = await client.post(f"{path}/prolong", content=content)
            assert answer.status_code == status, answer.text
            assert (await client.get(path)).json()["Length"] == 600
        job = (await world.request(request_id)).job
        assert job is not None
        return job.timeout - job.granted

    minute = timedelta(minutes=1)
    for content in (b"", b"null", b"{}"):
        assert await prolonged(content) == 10 * minute
    assert await prolonged(b'{"Length": 90}') == 11.5 * minute
    until = (NOW + 20 * minute).isoformat().encode()
    assert await prolonged(b'{"Until": "%s"}' % until) == 20 * minute
    wrong = (b'{"Untill": "x"}', b'{"Length": -1}', b'{"Until": "soon"}', b'{"Length": 1e300}')
    for content in wrong:
        assert await prolonged(content, 400) == 20 * minute
    assert await prolonged(b'{"Length": 86400}', 400) == 20 * minute


@pytest.mark.parametrize(
    ("name", "length"),
    [
        *(("Length", wrong) for wrong in ("-1", "1e300", '"3h"', "0", "86401")),
        *(("IdleEnd", wrong) for wrong in ("-1", "-5644345639627491.0", "1e300", '"3h"', "1")),
    ],
)
async def test_a_length_that_cannot_be_is_refused(name: str, length: str, world: World) -> None:
    body = f'{{"Priority": 8, "Caps": {{}}, "{name}": {length}}}'
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", content=body)
    assert answer.status_code == 400


async def test_zero_times_mean_not_set(world: World) -> None:
    zero = "0001-01-01T00:00:00Z"
    await filed(world, NEW | {"Deadline": zero, "ValidAfter": zero})
    (kept,) = await world.kept()
    assert kept.valid_after == NOW
    assert kept.deadline > NOW + timedelta(days=1)


async def test_a_request_for_the_calendar_s_last_day_is_filed_and_explained(world: World) -> None:
    await filed(world)
    await world.lend(UUID, "board-1", {"type": "t1"})
    last = "9999-12-31T23:59:59Z"
    number = await filed(world, NEW | {"ValidAfter": last, "Deadline": last})
    async with world.client() as client:
        answer = await client.get(f"/api/v1/reqs/{number}/explain")
    assert answer.json()["Forecast"]["Latest"].startswith("9999-12-31T23:59:59")


async def test_an_idempotency_key_files_once(world: World) -> None:
    key = {"Idempotency-Key": "job-17"}
    first = await filed(world, NEW, key)
    assert await filed(world, NEW, key) == first
    assert await filed(world, NEW) != first
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json=NEW | {"Priority": 9}, headers=key)
    assert answer.status_code == 422
    assert answer.json()["Code"] == "idempotency-key-reused"


@pytest.mark.parametrize("key", ["", "with blank", "x" * 256])
async def test_an_unusable_idempotency_key_is_refused(key: str, world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json=NEW, headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["message"]


@pytest.mark.parametrize(
    ("request_id", "status"),
    [
        ("1", 200),
        ("001", 200),
        ("0", 404),
        (str(2**63 - 1), 404),
        (str(2**63), 404),
        (str(2**64 - 1), 404),
        (str(2**64), 400),
        ("9" * 5000, 400),
        ("-1", 400),
        ("+1", 400),
        ("1_0", 400),
        ("%D9%A1", 400),
        ("1%0A", 400),
        ("1%20", 400),
    ],
)
async def test_ids_are_digits(request_id: str, status: int, world: World) -> None:
    await filed(world)
    async with world.client() as client:
        answer = await client.get(f"/api/v1/reqs/{request_id}")
    assert answer.status_code == status


async def test_an_absurd_id_is_no_error_in_an_update_that_changes_nothing(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(f"/api/v1/reqs/{2**63}", content=b"{}")
        assert answer.status_code == 204
        answer = await client.post(f"/api/v1/reqs/{2**63}", content=b'{"Priority":3}')
    assert answer.status_code == 404


async def test_an_update_may_repeat_its_own_id(world: World) -> None:
    request_id = await filed(world)
    async with world.client() as client:
        body = {"ID": request_id, "Priority": 3}
        answer = await client.post(f"/api/v1/reqs/{request_id}", json=body)
    assert answer.status_code == 204
    assert (await world.request(request_id)).priority == 3


async def test_acquire_without_prefer_answers_at_once(world: World) -> None:
    request_id = await filed(world)
    with noted(world.requests, "acquire_worker") as calls:
        async with world.client() as client:
            answer = await client.post(f"/api/v1/reqs/{request_id}/acquire_worker")
    assert answer.status_code == 400
    assert answer.json()["message"] == "invalid request: worker not assigned"
    assert calls == [(request_id,)]


@pytest.mark.parametrize(
    ("prefer", "wait"),
    [
        ("wait=7", 7),
        ("respond-async, wait=7", 7),
        ("WAIT = 7; q=1", 7),
        ('wait="7"', 7),
        ("wait=9999", 300),
        ("wait=7, wait=8", 7),
        ("handling=lenient", None),
    ],
)
async def test_prefer_is_read_as_the_rfc_says(prefer: str, wait: int | None, world: World) -> None:
    request_id = await filed(world)
    await world.lend(UUID, "board-1", {"type": "t1"})
    with noted(world.requests, "acquire_worker") as calls:
        async with world.client() as client:
            answer = await client.post(
                f"/api/v1/reqs/{request_id}/acquire_worker", headers={"Prefer": prefer}
            )
    assert answer.status_code == 200
    assert calls == [(request_id,) if wait is None else (request_id, timedelta(seconds=wait))]
    applied = None if wait is None else f"wait={wait}"
    assert answer.headers.get("preference-applied") == applied


@pytest.mark.parametrize("prefer", ["wait=abc", "wait=-7", "wait", "respond-async, wait=1.5"])
async def test_a_wait_that_is_no_number_is_refused(world: World, prefer: str) -> None:
    request_id = await filed(world)
    async with world.client() as client:
        answer = await client.post(
            f"/api/v1/reqs/{request_id}/acquire_worker", headers={"Prefer": prefer}
        )
    assert (answer.status_code, answer.json()["Code"]) == (400, "bad-parameter")


async def test_a_waiting_acquire_returns_when_the_board_is_granted(world: World) -> None:
    request_id = await filed(world)
    asked = asyncio.Event()
    acquire = world.requests.acquire_worker

    async def noticed(*given: Any) -> AccessInfo:
        asked.set()
        return await acquire(*given)

    world.requests.acquire_worker = noticed  # type: ignore[method-assign, assignment]  # it tells when
    async with served(world.app) as port:
        path = f"/api/v1/reqs/{request_id}/acquire_worker"
        waiting = asyncio.create_task(raw_call(port, "POST", path, ("Prefer: wait=60",)))
        await asked.wait()
        await world.lend(UUID, "board-1", {"type": "t1"})
        answer = await waiting
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert json.loads(answer.body)["Key"] == KEY


async def test_a_waiting_acquire_ends_with_its_caller(world: World) -> None:
    """Nobody must stay waiting, and prolong the job, for a caller who is gone."""
    request_id = await filed(world)
    ended = asyncio.Event()
    started = asyncio.Event()

    async def acquire(*_: object) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    world.requests.acquire_worker = acquire  # type: ignore[method-assign, assignment]  # it never answers
    async with served(world.app) as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /api/v1/reqs/%d/acquire_worker HTTP/1.1\r\nHost: x\r\n"
            b"Prefer: wait=300\r\nContent-Length: 0\r\n\r\n" % request_id
        )
        await started.wait()
        writer.close()
        await writer.wait_closed()
        await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize(
    ("options", "server", "ip"),
    [
        (WebOptions(public_address="198.51.100.7"), ("10.0.0.1", 8487), "198.51.100.7"),
        (WebOptions(), ("10.0.0.1", 8487), "10.0.0.1"),
        (WebOptions(), ("::ffff:10.0.0.1", 8487), "10.0.0.1"),
        (WebOptions(), ("::1", 8487), "::1"),
        (WebOptions(), ("boruta.example", 8487), ""),
        (WebOptions(), ("/run/boruta.sock", None), ""),
        (WebOptions(), None, ""),
    ],
)
async def test_the_address_is_one_the_caller_can_dial(
    options: WebOptions, server: tuple[str, int | None] | None, ip: str, new_world: NewWorld
) -> None:
    world = await new_world(options)
    request_id = await filed(world)
    await world.lend(UUID, "board-1", {"type": "t1"})
    app = world.app

    async def at_server(scope: dict[str, object], receive: object, send: object) -> None:
        await app(scope | {"server": server}, receive, send)  # type: ignore[arg-type]  # plain ASGI

    transport = httpx.ASGITransport(app=at_server)  # type: ignore[arg-type]  # plain ASGI
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post(f"/api/v1/reqs/{request_id}/acquire_worker")
    assert answer.json()["Addr"] == {"IP": ip, "Port": 20000, "Zone": ""}


async def test_keep_alive_and_explain(world: World) -> None:
    running, waiting = await filed(world), await filed(world)
    await world.lend(UUID, "board-1", {"type": "t1"})
    async with world.client() as client:
        answer = await client.post(f"/api/v1/reqs/{running}/keepalive")
        assert (answer.status_code, answer.content) == (204, b"")
        answer = await client.post(f"/api/v1/reqs/{waiting}/keepalive")
        assert answer.status_code == 400
        answer = await client.get(f"/api/v1/reqs/{waiting}/explain")
    told = answer.json()
    assert (told["ID"], told["State"], told["Position"]) == (waiting, "WAITING", 1)
    assert told["Matching"] == {"RUNNING": 1}
    (holder,) = told["Holders"]
    assert (holder["Name"], holder["Request"]) == ("board-1", running)
    assert told["Cause"] == "boards are busy"
    assert told["Text"].startswith("position 1; 1 board matches: 1 running (board-1, held by")


def test_an_explanation_is_told_with_all_that_was_found_out() -> None:
    holder = WorkerHolder(worker="w", name="board-1", request_id=7, owner="ann", until=NOW)
    found = Explanation(
        request_id=8,
        state="WAITING",
        position=1,
        matching={"RUNNING": 1},
        holders=(holder,),
        cause=Cause.BUSY,
        absent=(
            AbsentWorker(
                worker="v",
                name="board-2",
                state="FAILED",
                reason="fan",
                unreachable_since=NOW,
            ),
        ),
        lacking={"hdmi=yes": 3},
        other_groups=2,
        groups=("ci",),
        wanted=("hdmi=yes",),
        unknown=("hdmi=yes",),
        guesses=(Guess(given="ye", meant=("yes",), capability="hdmi"),),
        without={"hdmi=yes": 4},
        near_miss=NearMiss(
            worker="x",
            name="board-3",
            lacks=(Lack(name="hdmi", wanted="hdmi=yes", has=None, barred=False),),
        ),
        registered=9,
        limit=JobLimit(kind="owner", name="ann", held=2, allowed=2),
        policy="priority, then order of filing",
        decided="priority",
        forecast=Forecast(earliest=NOW, latest=NOW + timedelta(hours=1), hits=43, of=50),
    )
    assert json.loads(encoded(explained(found, NOW))) == {
        "ID": 8,
        "State": "WAITING",
        "Position": 1,
        "Matching": {"RUNNING": 1},
        "Holders": [
            {
                "WorkerUUID": "w",
                "Name": "board-1",
                "Request": 7,
                "Owner": "ann",
                "Until": "2026-11-23T20:07:42.739845Z",
            }
        ],
        "Text": (
            "owner ann has 2 of 2 jobs allowed at once; position 1; 1 board matches: 1 running "
            "(board-1, held by ann until 20:07 UTC); expected start between now and 21:07 UTC; "
            "3 lack hdmi=yes"
        ),
        "Cause": "boards are busy",
        "Absent": [
            {
                "WorkerUUID": "v",
                "Name": "board-2",
                "State": "FAILED",
                "Reason": "fan",
                "UnreachableSince": "2026-11-23T20:07:42.739845Z",
            }
        ],
        "Lacking": {"hdmi=yes": 3},
        "OtherGroups": 2,
        "Nearest": "board-3 has no hdmi",
        "Changes": [
            "board-2 returns to service (failed: fan, unreachable since 20:07 UTC)",
            "without hdmi=yes: 4 more boards would match",
        ],
        "Policy": "priority, then order of filing",
        "Decided": "priority",
        "Forecast": {
            "Earliest": "2026-11-23T20:07:42.739845Z",
            "Latest": "2026-11-23T21:07:42.739845Z",
            "Hits": 43,
            "Of": 50,
        },
        "Wanted": ["hdmi=yes"],
        "Unknown": ["hdmi=yes"],
        "Guesses": [{"Given": "ye", "Meant": ["yes"], "Capability": "hdmi"}],
        "Without": {"hdmi=yes": 4},
        "NearMiss": {
            "WorkerUUID": "x",
            "Name": "board-3",
            "Lacks": [{"Name": "hdmi", "Wanted": "hdmi=yes", "Has": None, "Barred": False}],
        },
        "Groups": ["ci"],
        "Registered": 9,
        "NotBefore": None,
        "Limit": {"Kind": "owner", "Name": "ann", "Held": 2, "Allowed": 2},
        "Standing": None,
    }


async def test_the_answer_to_a_new_request_tells_in_short_what_it_waits_for(world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/", json={"Caps": {"a": "1"}, "Priority": 8})
        created = answer.json()
        told = await client.get(f"/api/v1/reqs/{created['ReqID']}/explain?brief=1")
    assert answer.status_code == 201
    assert created["Explanation"] == told.json()


RECENT = RequestFilter(finished_after=NOW - timedelta(hours=24))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"", RECENT),
        (b"null", RECENT),
        (b"{}", None),
        (b'{"Filter":null,"Sorter":null,"Paginator":null}', None),
        (b'{"Filter":{}}', RequestFilter()),
        (b'{"Filter":{"IDs":[],"Priorities":[],"States":[]}}', RequestFilter()),
        (b'{"Filter":{"IDs":[7]}}', RequestFilter(ids=(7,))),
        (b'{"Filter":{"IDs":[%d]}}' % 2**64, RequestFilter(ids=(0,))),
        (b'{"Filter":{"Priorities":[3,6]}}', RequestFilter(priorities=(3, 6))),
        (b'{"Filter":{"Priorities":"AwY="}}', RequestFilter(priorities=(3, 6))),
        (
            b'{"State":"WAITING","Priority":"3"}',
            RequestFilter(states=("WAITING",), priorities=(3,)),
        ),
        (b'{"State":"","Priority":""}', None),
        (b'{"State":"in progress"}', RequestFilter(states=("IN PROGRESS",))),
        (b'{"Filter":{"States":["waiting"]}}', RequestFilter(states=("WAITING",))),
        (b'{"State":5,"Priority":["high"]}', None),
        (b'{"State":{},"Priority":"3"}', RequestFilter(priorities=(3,))),
        (b'{"State":"","Priority":"high"}', RequestFilter(priorities=(0,))),
    ],
)
async def test_lists_filter_by_both_forms(
    body: bytes, where: RequestFilter | None, world: World
) -> None:
    with noted(world.requests, "list_requests") as calls:
        async with world.client() as client:
            answer = await client.post("/api/v1/reqs/list", content=body)
    assert answer.status_code == 200
    assert [call[0] for call in calls] == [where]


async def test_a_poll_without_specification_forgets_what_finished_long_ago(world: World) -> None:
    old, new = await filed(world), await filed(world)
    for request_id, hours in ((old, 2), (new, 23)):
        await world.requests.close_request(LOCAL_ADMIN, request_id)
        world.clock.advance(timedelta(hours=hours))
    async with world.client() as client:
        polled = await client.post("/api/v1/reqs/list", content=b"null")
        everything = await client.post("/api/v1/reqs/list", content=b"{}")
    assert [item["ID"] for item in polled.json()] == [new]
    assert [item["ID"] for item in everything.json()] == [old, new]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[", 400),
        (b'{"Sorter":{"Item":"caps"}}', 400),
        (b'{"Sorter":{"Order":"up"}}', 400),
        (b'{"Paginator":{"Direction":"Up"}}', 400),
        (b'{"Filter":{"Priorities":"not base64!"}}', 400),
        (b'{"Paginator":{"Limit":65536}}', 400),
        (b'{"Paginator":{"ID":99}}', 404),
        (b'{"Paginator":{"ID":%d}}' % 2**63, 404),
    ],
)
async def test_list_headers_come_with_errors_too(body: bytes, status: int, world: World) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/reqs/list", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json"
    for name in ("Total", "Remaining", "Batch-Size"):
        assert answer.headers[f"Boruta-List-{name}"] == "0"
