"""Threat: bodies made to cost much: deep, wide, endless, colliding."""

import asyncio
import json
import time
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.types import Message

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import WorkerNotAssignedError
from boruta_farm.model.request import Request
from boruta_farm.web.bodies import Reader
from boruta_farm.web.calls import Call
from boruta_farm.web.errors import MalformedBodyError
from boruta_farm.web.headers import wanted_wait
from boruta_farm.web.requests import REQUEST_BODY, REQUEST_LIST
from boruta_farm.web.services import WebOptions
from tests.web.peopled import peopled_web
from tests.web.serving import World, raw_call, served

ROUTES = ["reqs/", "reqs/list", "workers/list", "users/ann", "tokens/"]
PATIENCE = 5.0
"""Seconds: far more than any of these may take, on a slow machine too."""

DEEP = b"[" * 100_000
DEEPER = b'{"Caps":' * 50_000 + b"1" + b"}" * 50_000
NUMBER = b'{"Priority": ' + b"9" * 500_000 + b"}"
WIDE = json.dumps({f"k{n}": n for n in range(60_000)}).encode()
# In some languages these all have the same hash.
TWINS = {
    "".join("Aa" if mask >> bit & 1 else "BB" for bit in range(14)): 1 for mask in range(1 << 14)
}
COLLIDING = json.dumps(TWINS).encode()
BODIES = {"deep": DEEP, "deeper": DEEPER, "number": NUMBER, "wide": WIDE, "colliding": COLLIDING}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body",
    [DEEP, DEEPER, NUMBER, WIDE, COLLIDING],
    ids=["deep", "deeper", "number", "wide", "hash"],
)
async def test_a_body_is_read_in_time_or_refused(route: str, body: bytes, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        began = time.perf_counter()
        answer = await web.call("POST", route, web.root_secret, raw=body)
        assert time.perf_counter() - began < PATIENCE
        assert answer.status in (200, 201, 400, 413)
        assert len(answer.body) < 100_000, "the attack is echoed"


async def test_nobody_without_a_token_makes_the_server_read_a_body(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        answer = await web.call("POST", "reqs/", None, raw=b"x" * (2 << 20))
        assert answer.status == 401


async def test_a_body_that_never_comes_is_not_waited_for() -> None:
    """A slow body is the other half of slowloris; slow headers are cut off below the API."""
    options = WebOptions(body_timeout=0.2)
    async with World(options) as world, served(world.app) as port:
        async with asyncio.timeout(30):
            answer = await raw_call(port, "POST", "/api/v1/reqs/", ("Content-Length: 100",))
    assert answer.status == 408


@pytest.mark.parametrize(
    "body",
    [
        {"Priority": 8, "Caps": {f"k{n}": "v" for n in range(5000)}},
        {"Priority": 8, "Caps": {"k": "v" * 100_000}},
        {"Priority": 8, "Caps": {"k" * 100_000: "v"}},
        {"Priority": 8, "SSHKey": "ssh-ed25519 " + "A" * 100_000},
    ],
)
async def test_what_would_be_kept_for_ever_is_small(body: object, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        answer = await web.call("POST", "reqs/", web.root_secret, body)
        assert answer.status == 400


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("reqs/list", {"Filter": {"IDs": list(range(100_000))}}),
        ("reqs/", {"Priority": 8, "Caps": {}, "Other": ["x" * 50] * 15_000}),
    ],
)
async def test_large_bodies_count_as_many_calls(
    route: str, body: dict[str, object], tmp_path: Path
) -> None:
    """60 lists by 100,000 ids each kept everybody else waiting for ten seconds."""
    options = WebOptions(calls_per_account=100)
    async with peopled_web(tmp_path, options) as web:
        secret, other = await web.secret("ann"), await web.secret("bob")
        codes = [(await web.call("POST", route, secret, body)).status for _ in range(20)]
        assert 1 <= len([code for code in codes if code != 429]) <= 4
        assert (await web.call("GET", "me", other)).status == 200
        web.people.clock.advance(timedelta(seconds=10))
        assert (await web.call("POST", route, secret, body)).status != 429, "never shut out"


async def test_a_body_larger_than_any_burst_is_read_when_all_is_there(tmp_path: Path) -> None:
    async with peopled_web(tmp_path, WebOptions(calls_per_account=2)) as web:
        secret = await web.secret("ann")
        web.people.clock.advance(timedelta(minutes=1))
        body = {"Filter": {"IDs": list(range(100_000))}}
        codes = []
        for _ in range(3):
            codes.append((await web.call("POST", "reqs/list", secret, body)).status)
            web.people.clock.advance(timedelta(seconds=6))
        assert 200 in codes


@pytest.mark.parametrize("reader", [REQUEST_BODY, REQUEST_LIST])
def test_leniency_ends_where_it_would_cost_everybody_s_time(reader: Reader[object]) -> None:
    """A body of 60,000 times the same key took 1.2 s to be read."""
    repeated = b"{%b}" % b",".join([b'"caps": {"a": "b"}'] * 60_000)
    with pytest.raises(MalformedBodyError):
        reader.read(repeated)
    assert reader.read(b'{"caps": {"a": "b"}, "caps": {"c": "d"}}') is not None


async def test_a_query_has_a_bound(tmp_path: Path) -> None:
    """95 event streams, each for 5,000 requests, kept everybody else waiting for ten seconds."""
    async with peopled_web(tmp_path) as web:
        secret = await web.secret("ann")
        for count, status in ((100, 200), (101, 400), (5000, 400)):
            query = "&".join(f"request={number}" for number in range(count))
            reply = await web.call("GET", f"events?{query}", secret)
            assert reply.status == status
        assert b"at most 100 parameters" in reply.body


@pytest.mark.parametrize("path", ["a/" * 28_000, "workers/" + "x" * 9000])
async def test_a_path_has_a_bound_and_is_not_told_back(path: str, tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        reply = await web.call("GET", path)
        assert reply.status == 404
        assert len(reply.body) < 200


def test_preferences_behind_the_first_few_are_not_looked_at() -> None:
    def call(prefer: bytes) -> Call:
        scope = {"headers": [(b"prefer", prefer)]}
        return Call(scope=scope, receive=never, caller=LOCAL_ADMIN, parameter="1", body=b"")

    assert wanted_wait(call(b"respond-async, wait=5")) == timedelta(seconds=5)
    begun = time.process_time()
    assert wanted_wait(call(b"a," * 30_000 + b"wait=5")) is None
    assert time.process_time() - begun < PATIENCE / 50


async def never() -> Message:
    raise AssertionError("no body is read")


async def test_many_who_wait_for_a_request_are_not_woken_by_each_of_its_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner waited 4,000 times over, and changed it: the loop stood still for 0.1 s each."""
    waiting, changes, reads = 200, 20, 0
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        number = (await web.call("POST", "reqs/", ann, {"Priority": 8})).json["ReqID"]
        caller = web.people.farm.directory.admit(ann, "192.0.2.7")
        real = web.people.store.get_request

        async def read(request_id: int) -> Request | None:
            nonlocal reads
            reads += 1
            return await real(request_id)

        monkeypatch.setattr(web.people.store, "get_request", read)
        requests, patience = web.people.farm.requests, timedelta(seconds=300)
        tasks = [
            asyncio.create_task(requests.acquire_worker(caller, number, patience))
            for _ in range(waiting)
        ]
        async with asyncio.timeout(60):
            while reads < waiting:  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0)
            before = reads
            for change in range(changes):
                wanted = {"Priority": 8 + change % 2}
                assert (await web.call("POST", f"reqs/{number}", ann, wanted)).status == 204
            assert reads - before < waiting
            await requests.close_request(caller, number)
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, WorkerNotAssignedError) for each in ended), ended[0]
