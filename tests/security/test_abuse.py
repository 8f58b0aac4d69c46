"""Threat: a caller who sends much, slowly, deeply or crookedly, to stop or to fool the server."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.server.http.bounds import Bounds
from boruta_farm.server.http.door import Door
from boruta_farm.server.logs import HumanFormatter, JsonFormatter
from tests.server.test_http import CALL, answer_to, served
from tests.web.peopled import WORKER, peopled_web

SLOW = 100
MEBIBYTE = 1024 * 1024


SHORT = Bounds(head_patience=2.0)


async def dribble(port: int) -> bytes:
    """Send headers without end, a byte at a time, and return what the server says to that."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(reader.read())
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n")
        while not answer.done():
            writer.write(b"x")
            await asyncio.wait([answer], timeout=0.2)
        return answer.result()
    except (ConnectionError, OSError):
        return b"gone"
    finally:
        answer.cancel()
        writer.close()


async def test_slow_headers_hold_nobody_up_and_are_cut_off() -> None:
    """Slowloris: many connections that never come to the end of their headers."""
    async with served(Door(bounds=SHORT)) as port:
        slow = [asyncio.create_task(dribble(port)) for _ in range(SLOW)]
        await asyncio.sleep(0)
        assert b"200 OK" in await answer_to(port, CALL)
        async with asyncio.timeout(60):
            endings = await asyncio.gather(*slow)
        assert all(b"408" in ending or ending == b"gone" for ending in endings)


def colliding(count: int) -> list[str]:
    """Return keys that all have one hash under the multiplying hashes of old (Java, PHP, .NET)."""
    return ["".join("AaBB"[2 * (n >> bit & 1) :][:2] for bit in range(16)) for n in range(count)]


def repeated(count: int) -> bytes:
    """Return one body that names the same key again and again, each time with another pair."""
    pairs = ",".join(f'"caps":{{"key-{n}":"1"}}' for n in range(count))
    return f'{{"priority":8,{pairs}}}'.encode()


def many(keys: list[str]) -> bytes:
    return json.dumps({"Priority": 8, "Caps": dict.fromkeys(keys, "1")}).encode()


@pytest.mark.parametrize(
    "flood",
    [
        lambda: many(colliding(25_000)),
        lambda: many([f"key-{n}" for n in range(50_000)]),
        lambda: repeated(40_000),
    ],
    ids=["colliding", "many", "repeated"],
)
async def test_a_flood_of_keys_costs_no_more_than_its_length(
    tmp_path: Path, flood: Callable[[], bytes]
) -> None:
    body = flood()
    assert MEBIBYTE / 2 < len(body) < MEBIBYTE
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        begun = time.process_time()
        reply = await web.call("POST", "reqs/", ann, raw=body)
        spent = time.process_time() - begun
        assert reply.status == 400
        assert reply.json["Code"] in ("limit-exceeded", "malformed-body")
        # A flood that works takes minutes; the processor's own time leaves out a busy machine.
        assert spent < 8, f"{spent:.1f} s for {len(body)} bytes"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"Caps":' * 100_000,
        b'{"Owner":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"Priority":8,"Caps":{"a":' + b"[" * 400_000 + b"]" * 400_000 + b"}}",
        b'{"Priority":' + b"9" * 100_000 + b"}",
    ],
    ids=["lists", "open objects", "unknown objects", "closed lists", "long number"],
)
async def test_deeply_nested_json_is_malformed_and_nothing_more(
    tmp_path: Path, body: bytes
) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        for path in ("reqs/", "reqs/list", f"workers/{WORKER}/setstate", "users/ann", "tokens/"):
            reply = await web.call("POST", path, ann, raw=body)
            assert reply.status in (400, 403), f"{path}: {reply.body!r}"
        assert (await web.call("GET", "me", ann)).status == 200


CROOKED = "fan\n2026-01-01T00:00:00.000+00:00 INFO    ann is admin now\r\x1b[2J\u2028\u202e"


async def test_no_text_of_a_caller_forges_a_line_of_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with peopled_web(tmp_path) as web:
        await web.board()
        with caplog.at_level(logging.DEBUG):
            change = {"WorkerState": "MAINTENANCE", "Reason": CROOKED}
            await web.call("POST", f"workers/{WORKER}/setstate", web.root_secret, change)
            await web.call("GET", "me", f"boruta_p_{CROOKED}_x")
            created = await web.call(
                "POST", "reqs/", web.root_secret, {"Priority": 8, "Caps": {CROOKED: CROOKED}}
            )
            await web.call("POST", f"reqs/{created.json['ReqID']}/close", web.root_secret)
        assert caplog.records
        for record in caplog.records:
            record.exc_info = None
            for formatter in (HumanFormatter(), JsonFormatter()):
                line = formatter.format(record)
                assert len(line.splitlines()) == 1
                assert "\x1b" not in line
        entries = (await web.call("GET", "audit", web.root_secret)).body.decode()
        assert "\x1b" not in entries
        assert all(json.loads(line)["Number"] for line in entries.strip().split("\n"))


@pytest.mark.parametrize(
    "path",
    [
        "version/../users/",
        "version/%2e%2e/users/",
        "version%2f..%2fusers/",
        "/users/",
        "//users//",
        "./users/",
        "users/.",
        "users/..",
        "users/../tokens/",
        "users/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "users/%00",
        "users/ann%00.txt",
        "users/\\..\\..\\secret.key",
        "users/" + "a" * 10_000,
        "users/%ff%fe",
        "login/../audit",
        "audit/",
        "AUDIT",
        "audit;x=version",
    ],
)
async def test_no_spelling_of_a_path_leads_past_the_entrance(tmp_path: Path, path: str) -> None:
    refusals = (301, 308, 400, 401, 403, 404)
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        reply = await web.call("GET", path)
        assert reply.status in refusals
        if reply.status in (301, 308):
            place = reply.headers["location"].partition("/api/v1/")[2]
            assert (await web.call("GET", place)).status in (401, 404)
        reply = await web.call("GET", path, ann)
        assert reply.status in (200, *refusals)
        # Ann sees her own account, whatever she makes of the path; never the admin's.
        assert b'"admin"' not in reply.body
        assert b"root:" not in reply.body
