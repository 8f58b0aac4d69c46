"""Threat: a page has its own name lead to this machine, and is the same site to the browser."""

from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from boruta_farm.server.config import load
from boruta_farm.server.http.door import Door
from boruta_farm.server.http.hosts import Hosts
from tests.server.speaking import Echo, Port, answers_in, speaking
from tests.web.serving import World, parse_answer

EVIL = "evil.example"


def door(*public: str, certified: tuple[str, ...] = ()) -> Door:
    return Door(hosts=Hosts(public, lambda: certified))


async def test_a_foreign_name_files_nothing_even_with_its_own_origin() -> None:
    """It got a private key out of the default farm."""
    async with World() as world, speaking(world.app, door=door()) as port:
        origin = f"Origin: http://{EVIL}:{port.number}\r\nConnection: close\r\n"
        head = f"POST /api/v1/reqs/ HTTP/1.1\r\nHost: {EVIL}:{port.number}\r\n{origin}"
        answer = parse_answer(
            await port.say(f'{head}Content-Length: 14\r\n\r\n{{"Priority": 8}}'.encode())
        )
        assert answer.status == 421
        assert b"public_names" in answer.body
        assert not await world.kept()


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "DELETE", "TRACE"])
@pytest.mark.parametrize("tls", [False, True])
async def test_every_method_is_refused(method: str, tls: bool, tmp_path: Path) -> None:
    app = Echo()
    async with speaking(app, door=door(), tls=tmp_path if tls else None) as port:
        assert await status(port, EVIL, method) == 421
    assert app.heard == []


async def status(port: Port, host: str, method: str = "GET", target: str = "/") -> int:
    call = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return parse_answer(await port.say(call.encode("latin-1"))).status


@pytest.mark.parametrize("path", ["/api/v1/link", "/api/v1/stream"])
async def test_a_websocket_is_refused_too(path: str) -> None:
    world = World()
    async with speaking(world.app, door=door()) as port:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(
                f"ws://{EVIL}:{port.number}{path}", host="127.0.0.1", port=port.number, proxy=None
            ):
                pass
        async with connect(f"ws://127.0.0.1:{port.number}/api/v1/link", proxy=None) as link:
            await link.send("hello")
            assert await link.recv() == "HELLO"
    assert refused.value.response.status_code == 421
    assert len(world.hub.served) == 1


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("127.0.0.1", True),
        ("10.0.0.5:8487", True),
        ("[::1]:8487", True),
        ("[2001:db8::1]", True),
        ("[fe80::1%eth0]:8487", True),
        (f"[fe80::1%{EVIL}/]", False),
        (f"[fe80::1%eth0]@{EVIL}", False),
        ("localhost:8487", True),
        ("LocalHost.", True),
        ("farm.localhost:1", True),
        ("farm.example", True),
        ("FARM.example.:443", True),
        ("lab.example:8487", True),
        ("a.boards.example", True),
        ("a.b.boards.example", False),
        ("boards.example", False),
        (EVIL, False),
        (f"localhost.{EVIL}", False),
        (f"127.0.0.1.{EVIL}", False),
        (f"localhost:80@{EVIL}", False),
        (f"localhost,{EVIL}", False),
        (f"localhost/{EVIL}", False),
        ("", False),
        ("0x7f000001", False),
        ("2130706433", False),
    ],
)
async def test_who_may_be_addressed(host: str, good: bool) -> None:
    known = door("farm.example", certified=("lab.example", "*.boards.example"))
    async with speaking(Echo(), door=known) as port:
        for _ in range(2):
            assert await status(port, host) == (200 if good else 421)


async def test_of_a_whole_address_its_own_host_counts() -> None:
    async with speaking(Echo(), door=door()) as port:
        assert await status(port, "localhost", target="http://localhost:80/a") == 200
        assert await status(port, "localhost", target=f"http://{EVIL}/a") == 421
        assert await status(port, EVIL, target="http://localhost/a") == 421


async def test_http_1_0_without_a_host_is_let_in() -> None:
    async with speaking(Echo(), door=door()) as port:
        [answer] = answers_in(await port.say(b"GET / HTTP/1.0\r\n\r\n"))
        assert answer.status == 200
        [answer] = answers_in(await port.say(f"GET / HTTP/1.0\r\nHost: {EVIL}\r\n\r\n".encode()))
        assert answer.status == 421


async def test_any_name_where_the_admin_says_so() -> None:
    async with speaking(Echo(), door=door("*")) as port:
        assert await status(port, EVIL) == 200


async def test_names_of_a_new_certificate_count_at_once() -> None:
    names: list[tuple[str, ...]] = [("old.example",)]
    async with speaking(Echo(), door=Door(hosts=Hosts((), lambda: names[-1]))) as port:
        assert await status(port, "old.example") == 200
        names.append(("new.example",))
        assert await status(port, "old.example") == 421
        assert await status(port, "new.example") == 200


def test_the_setting_is_a_list_of_names() -> None:
    settings = load(environment={"BORUTA_PUBLIC_NAMES": "farm.example, lab"})
    assert settings.public_names == ("farm.example", "lab")
