"""Threat: a board's address makes the server connect to where its agent cannot (SSRF)."""

import asyncio
import socket
from typing import Any

import pytest

from boruta_farm.access.dialling import dial
from boruta_farm.gorpc.addresses import AddressRules
from boruta_farm.link.addresses import complete
from boruta_farm.model.errors import AddressError

AGENT = "192.0.2.7"
INSIDE = ["127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
CABLE = ["169.254.169.254", "[fe80::1]", "[fe80::1%eth0]", "[::ffff:169.254.169.254]"]
TRANSLATED = ["[2002:7f00:1::]", "[64:ff9b::127.0.0.1]", "[::127.0.0.1]"]


@pytest.mark.parametrize("host", [*INSIDE, *CABLE, *TRANSLATED])
def test_an_agent_elsewhere_cannot_announce_the_servers_own_machine(host: str) -> None:
    with pytest.raises(AddressError):
        complete(f"{host}:5432", AGENT)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "[::]", "[::ffff:0.0.0.0]"])
def test_any_address_means_the_agents_own(host: str) -> None:
    """To connect to 0.0.0.0 would reach the server itself."""
    assert complete(f"{host}:22", AGENT) == f"{AGENT}:22"


@pytest.mark.parametrize("name", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1"])
async def test_spellings_of_loopback_reach_nobody(name: str) -> None:
    """The resolver takes them for this machine, although no address parser does."""
    await _assert_out_of_reach(name)


@pytest.mark.parametrize("where", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"])
async def test_a_name_that_leads_back_reaches_nobody(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever owns a name may change its address after it was checked (rebinding)."""
    family = socket.AF_INET6 if ":" in where else socket.AF_INET

    async def resolved(_host: str, port: int, **_: object) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 6, "", (where, port))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved, raising=False)
    await _assert_out_of_reach("board.example")


async def _assert_out_of_reach(name: str) -> None:
    reached = asyncio.Event()

    async def noted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        writer.close()

    inside = await asyncio.start_server(noted, "127.0.0.1", 0)
    async with inside:
        with pytest.raises(OSError, match=r"has no address|not known"):
            await dial(asyncio.get_running_loop(), name, inside.sockets[0].getsockname()[1])
    assert not reached.is_set()


@pytest.mark.parametrize("host", [*INSIDE, "10.0.0.5", "169.254.169.254"])
async def test_a_go_board_names_only_where_it_calls_from(host: str) -> None:
    with pytest.raises(AddressError):
        await AddressRules().complete(f"{host}:7175", AGENT)


async def test_a_go_board_of_this_machine_cannot_name_the_servers_ports() -> None:
    rules = AddressRules(own_ports=lambda port: port == 8487)
    with pytest.raises(AddressError, match="port of this server"):
        await rules.complete("127.0.0.1:8487", "127.0.0.1")
