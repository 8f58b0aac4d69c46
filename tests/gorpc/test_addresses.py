import ipaddress

import pytest

from boruta_farm.gorpc.addresses import AddressRules
from boruta_farm.model.errors import AddressError


@pytest.mark.parametrize(
    ("address", "caller", "expected"),
    [
        (":7175", "192.0.2.7", "192.0.2.7:7175"),
        (":22", "::ffff:192.0.2.7", "192.0.2.7:22"),
        (":22", "2001:db8::7", "[2001:db8::7]:22"),
        ("0.0.0.0:22", "192.0.2.7", "192.0.2.7:22"),
        ("[::]:22", "192.0.2.7", "192.0.2.7:22"),
        ("192.0.2.7:22", "192.0.2.7", "192.0.2.7:22"),
        ("[2001:db8::7]:22", "2001:DB8::7", "[2001:db8::7]:22"),
        ("localhost:22", "127.0.0.1", "127.0.0.1:22"),
    ],
)
async def test_address_is_completed(address: str, caller: str, expected: str) -> None:
    assert await AddressRules().complete(address, caller) == expected


@pytest.mark.parametrize(
    ("address", "caller", "words"),
    [
        (":22", "", "IP address is missing from address"),
        (":", "192.0.2.7", "Port is missing from address"),
        (":0", "192.0.2.7", "Port is missing from address"),
        ("192.0.2.7", "192.0.2.7", "Port is missing from address"),
        ("192.0.2.7:65536", "192.0.2.7", "Port is missing from address"),
        ("192.0.2.7:ssh", "192.0.2.7", "Port is missing from address"),
        ("192.0.2.8:22", "192.0.2.7", "not the address 192.0.2.7 that the board calls from"),
        ("127.0.0.1:22", "192.0.2.7", "rpc_allow"),
        ("localhost:22", "192.0.2.7", "rpc_allow"),
        ("no such host:22", "192.0.2.7", "cannot be resolved"),
        ("x" * 400 + ":22", "192.0.2.7", "no HOST:PORT"),
    ],
)
async def test_address_is_refused(address: str, caller: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        await AddressRules().complete(address, caller)


async def test_any_board_may_name_an_allowed_network() -> None:
    rules = AddressRules(allow=[ipaddress.ip_network("192.0.2.0/24")])
    assert await rules.complete("192.0.2.8:22", "198.51.100.1") == "192.0.2.8:22"
    with pytest.raises(AddressError):
        await rules.complete("203.0.113.1:22", "198.51.100.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "203.0.113.99"])
async def test_the_servers_own_ports_are_refused_on_its_own_addresses(host: str) -> None:
    rules = AddressRules(
        allow=[ipaddress.ip_network("0.0.0.0/0")],
        own_ports=lambda port: port == 8487,
        public_ip="203.0.113.99",
    )
    with pytest.raises(AddressError, match="this server itself"):
        await rules.complete(f"{host}:8487", host)
    assert await rules.complete(f"{host}:22", host) == f"{host}:22"
    assert await rules.complete("192.0.2.7:8487", host) == "192.0.2.7:8487"
