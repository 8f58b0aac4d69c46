"""Threat: a few kilobytes, on any wire, that cost seconds, since work grows with their square."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import pytest

from boruta_farm.cli.moments import parse_moment
from boruta_farm.client.stream import MessageParser
from boruta_farm.core.sshkeys import board_key
from boruta_farm.gorpc.decoder import Decoder
from boruta_farm.link.frames import decode
from boruta_farm.link.messages import Hello, read
from boruta_farm.model.addresses import parse_ip, parse_network
from boruta_farm.model.spelling import alike, folded, normal
from boruta_farm.model.token import check_token, conceal, token_id
from boruta_farm.selectors.hints import near
from boruta_farm.settings.durations import parse_duration
from boruta_farm.settings.files import parse_json, parse_toml
from boruta_farm.web.headers import presented
from boruta_farm.web.times import parse_time
from tests.counting import counted, longest_composed, steps
from tests.gorpc import streams
from tests.web.serving import World

UUID = "00000000-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
FEW, MANY = 100, 1000
MARKS = "\u0300\u0316"
"""Two that change places when a text is composed."""
DOTTED = "\u0130"
"""Two characters in lower case."""
REPEATED = '"Caps": {"a": "b"},'

Make = Callable[[int], str]


def grows(few: int, many: int) -> bool:
    """Tell whether ten times as much cost much more than ten times as many steps."""
    return many > 16 * few + FEW


def pairs(number: int) -> str:
    return ", ".join(f'"k{n}": "v"' for n in range(number))


def texts(number: int) -> str:
    return ", ".join(f'"t{n}"' for n in range(number))


def numbers(number: int) -> str:
    return ", ".join(map(str, range(number)))


BODIES: dict[str, tuple[str, Make]] = {
    "capabilities": ("reqs/", lambda n: f'{{"Priority": 8, "Caps": {{{pairs(n)}}}}}'),
    "one capability, repeated": (
        "reqs/",
        lambda n: f'{{{REPEATED * n} "Priority": 8}}',
    ),
    "unknown keys": ("reqs/", lambda n: f'{{"Priority": 8, {pairs(n)}}}'),
    "owner's groups": ("reqs/", lambda n: f'{{"Owner": {{"Groups": [{texts(n)}]}}}}'),
    "selector": ("reqs/", lambda n: f'{{"Priority": 8, "Selector": "a in ({numbers(n)})"}}'),
    "strict selector": (
        "reqs/",
        lambda n: f'{{"Priority": 8, "Strict": true, "Selector": "a in ({numbers(n)})"}}',
    ),
    "key": ("reqs/", lambda n: f'{{"Priority": 8, "SSHKey": "ssh-rsa {"A" * n}"}}'),
    "time": ("reqs/", lambda n: f'{{"ValidAfter": "2027-01-01T00:00:00.{"1" * n}Z"}}'),
    "digits": ("reqs/", lambda n: f'{{"Priority": {"1" * n}}}'),
    "lists in lists": ("reqs/", lambda n: "[" * n),
    "objects in objects": ("reqs/", lambda n: '{"Caps": ' * n),
    "blanks": ("reqs/", lambda n: " " * n),
    "halves of characters": ("reqs/", lambda n: f'{{"Caps": {{"a": "{chr(92)}ud800{"x" * n}"}}}}'),
    "capabilities of an update": ("reqs/1", lambda n: f'{{"Caps": {{{pairs(n)}}}}}'),
    "ids": ("reqs/list", lambda n: f'{{"Filter": {{"IDs": [{numbers(n)}]}}}}'),
    "priorities": ("reqs/list", lambda n: f'{{"Filter": {{"Priorities": "{"BAQE" * n}"}}}}'),
    "states": ("reqs/list", lambda n: f'{{"Filter": {{"States": [{texts(n)}]}}}}'),
    "selector of a list": ("reqs/list", lambda n: f'{{"Filter": {{"Selector": "{"a," * n}"}}}}'),
    "order": ("reqs/list", lambda n: f'{{"Sorter": {{"Order": "{DOTTED * n}"}}}}'),
    "wanted capabilities": (
        "workers/list",
        lambda n: f'{{"Filter": {{"Capabilities": {{{pairs(n)}}}}}}}',
    ),
    "wanted capabilities, old form": (
        "workers/list",
        lambda n: f'{{"Capabilities": {{{pairs(n)}}}}}',
    ),
    "wanted groups": ("workers/list", lambda n: f'{{"Filter": {{"Groups": [{texts(n)}]}}}}'),
    "name": (f"workers/{UUID}/setname", lambda n: json.dumps("a" + MARKS * n)),
    "groups": (f"workers/{UUID}/setgroups", lambda n: f"[{texts(n)}]"),
    "reason": (f"workers/{UUID}/setstate", lambda n: f'{{"Reason": "{"x" * n}"}}'),
    "labels": (f"workers/{UUID}/describe", lambda n: f'{{"Labels": {{{pairs(n)}}}}}'),
    "limits": ("groups/lab", lambda n: f'{{"Limits": {{{pairs(n)}}}}}'),
    "an account's groups": ("users/ann", lambda n: f'{{"Groups": [{texts(n)}]}}'),
    "an account's keys": ("users/ann", lambda n: f'{{"SSHKeys": [{texts(n)}]}}'),
    "an account's networks": ("users/ann", lambda n: f'{{"Networks": [{texts(n)}]}}'),
    "a token's name": ("tokens/", lambda n: f'{{"Name": "{"x" * n}"}}'),
}
PLACES: dict[str, Make] = {
    "request": lambda n: f"reqs/{'1' * n}",
    "worker": lambda n: f"workers/a{'%CC%80%CC%96' * n}",
    "account": lambda n: f"users/{'a' * n}",
    "slashes": lambda n: "/" * n,
    "groups to come": lambda n: f"workers/{UUID}/orphans?groups={'g,' * n}",
    "labels to come": lambda n: f"workers/{UUID}/orphans?labels={'%5B' * n}",
    "parameters": lambda n: f"audit?{'a=1&' * n}",
    "time": lambda n: f"audit?since=2026-01-01T00:00:00.{'1' * n}",
}
HEADERS: dict[str, Make] = {
    "Prefer": lambda n: f"a={' ' * n},{'b,' * n}wait{' ' * n}x",
    "Idempotency-Key": lambda n: "k" * n,
    "Authorization": lambda n: f"Basic {'AAAA' * n}",
    "Origin": lambda n: f"http://{'a.' * n}",
    "Last-Event-ID": lambda n: "1" * n,
    "Expect": lambda n: "1" * n,
}


async def work_of(world: World, method: str, path: str, body: str, **headers: str) -> int:
    async with world.client() as client:
        request = client.build_request(
            method, f"/api/v1/{path}", content=body.encode(), headers=headers
        )
        with counted() as work:
            answer = await client.send(request)
    assert answer.status_code < 500
    return work.steps


async def growing(calls_with: Mapping[str, Callable[[World, int], Awaitable[int]]]) -> list[str]:
    """Return which calls of a farm with a board grow too much."""
    found = []
    async with World() as world:
        await world.register(UUID, "board", {"arch": "arm"})
        for what, call in calls_with.items():
            few, many = await call(world, FEW), await call(world, MANY)
            if grows(few, many):
                found.append(f"{what}: {few}, {many}")
    return found


async def test_bodies() -> None:
    def posting(path: str, make: Make) -> Callable[[World, int], Awaitable[int]]:
        return lambda world, n: work_of(world, "POST", path, make(n))

    assert await growing({what: posting(*BODIES[what]) for what in BODIES}) == []


async def test_paths_and_queries() -> None:
    def getting(make: Make) -> Callable[[World, int], Awaitable[int]]:
        return lambda world, n: work_of(world, "GET", make(n), "")

    assert await growing({what: getting(make) for what, make in PLACES.items()}) == []


async def test_headers() -> None:
    def with_header(name: str, make: Make) -> Callable[[World, int], Awaitable[int]]:
        return lambda world, n: work_of(world, "POST", "reqs/", "{}", **{name: make(n)})

    assert await growing({name: with_header(name, make) for name, make in HEADERS.items()}) == []


def gob(content: bytes) -> object:
    decoder = Decoder()
    decoder.feed(content)
    return decoder.next_value()


def link(fields: str) -> object:
    message = decode(f'{{"jsonrpc": "2.0", "method": "register", "params": {{{fields}}}}}')
    return read(Hello, message.params)  # type: ignore[union-attr]  # it is a call


OTHERS: dict[str, tuple[Callable[..., object], Callable[[int], object]]] = {
    "link: capabilities": (link, lambda n: f'"caps": {{{pairs(n)}}}'),
    "link: unknown keys": (link, pairs),
    "link: text": (link, lambda n: f'"name": "{"x" * n}"'),
    "link: lists in lists": (link, lambda n: f'"caps": {"[" * n}'),
    "link: keys twice": (link, lambda n: ", ".join(['"a": 1'] * n)),
    "gob: elements": (
        gob,
        lambda n: (
            streams.slice_of(65, 2) + streams.value(65, b"\0" + bytes([n % 100 + 20]) + b"\2" * n)
        ),
    ),
    "gob: definitions": (
        gob,
        lambda n: b"".join(streams.struct(65 + k, a=2) for k in range(n)),
    ),
    "gob: bytes": (gob, lambda n: b"\x7f" * n),
    "TOML: keys in a deep table": (
        parse_toml,
        lambda n: (f"[{'.'.join('a' * 60)}]\n" + "\n".join(f"k{k} = 1" for k in range(n))).encode(),
    ),
    "TOML: tables": (parse_toml, lambda n: "".join(f"[t{k}]\n" for k in range(n)).encode()),
    "TOML: a list of tables": (parse_toml, lambda n: b"[[t]]\na = 1\n[t.b]\nc = 1\n" * n),
    "TOML: lists in lists": (parse_toml, lambda n: b"a = " + b"[" * n),
    "TOML: text": (parse_toml, lambda n: b'a = """' + b"\\n" * n + b'"""'),
    "TOML: no text": (parse_toml, lambda n: b'a = "' + b"\\n" * n),
    "JSON: keys": (parse_json, lambda n: f"{{{pairs(n)}}}".encode()),
    "duration": (parse_duration, lambda n: "1h " * n),
    "duration's digits": (parse_duration, lambda n: f"{'1' * n}h"),
    "moment": (partial(parse_moment, now=NOW), lambda n: f"2026-01-01T00:00:00.{'1' * n}"),
    "time": (parse_time, lambda n: f"2026-01-01T00:00:00.{'1' * n}Z"),
    "key": (board_key, lambda n: f"ssh-rsa {'AAAA' * n}"),
    "key's comment": (board_key, lambda n: f"ssh-rsa AAAA{' x' * n}"),
    "token": (partial(check_token, place="a file"), lambda n: "x" * n),
    "token's parts": (token_id, lambda n: f"boruta_p_{'_' * n}"),
    "tokens in a text": (conceal, lambda n: "boruta_p_1_" * n),
    "credentials": (presented, lambda n: f"Basic {'AAAA' * n}"),
    "address": (parse_ip, lambda n: "1:" * n),
    "network": (parse_network, lambda n: "1:" * n),
    "names": (alike, lambda n: [f"name-{k}" for k in range(n)]),
    "meant": (partial(near, "cap"), lambda n: [f"cap{k}" for k in range(n)]),
    "events": (MessageParser().take, lambda n: f"data: {':' * n}"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_wires(what: str) -> None:
    read_it, make = OTHERS[what]
    few, many = (steps(partial(read_it, make(n))) for n in (FEW, MANY))
    assert not grows(few, many)


NAMED: dict[str, Callable[[str], object]] = {
    "an id": normal,
    "a name to compare": folded,
    "names to compare": lambda text: alike([text, text]),
}


@pytest.mark.parametrize("what", NAMED)
def test_long_names_are_not_composed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """32 kB of combining marks took 5 s of the loop, in a worker's name or in a path."""
    lengths = longest_composed(monkeypatch)
    steps(lambda: NAMED[what]("a" + MARKS * MANY))
    assert max(lengths, default=0) <= FEW


def test_long_texts_come_near_nothing() -> None:
    """To compare two texts of 4,000 characters took a second."""
    long = "ab" * MANY
    assert steps(lambda: near(long, [long])) < FEW
    assert steps(lambda: near("ab", [long])) < FEW
