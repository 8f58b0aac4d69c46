"""One notion of addresses, whatever the spelling."""

import ipaddress

import pytest

from boruta_farm.model.addresses import (
    canonical,
    is_anywhere,
    is_exposed,
    is_loopback,
    is_ours_alone,
    is_public,
    mapped,
    network_of,
    parse_ip,
    parse_network,
    same,
    websocket_url,
    with_port,
    within,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::FFFF:0A00:0007", "10.0.0.7"),
        ("[::ffff:10.0.0.7]", "10.0.0.7"),
        ("0:0:0:0:0:ffff:10.0.0.7", "10.0.0.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fe80::1%eth0]", "fe80::1%eth0"),
        ("::1", "::1"),
        ("", ""),
        ("farm.example", "farm.example"),
    ],
)
def test_an_address_has_one_spelling(text: str, meant: str) -> None:
    assert canonical(text) == meant
    assert str(parse_ip(text) or text) == meant


@pytest.mark.parametrize(
    "text", ["", "localhost", "10.0.0", "10.0.0.7:22", "010.0.0.1", "0x7f.1", "2130706433", "[::1"]
)
def test_what_is_no_address(text: str) -> None:
    assert parse_ip(text) is None
    assert not within(text, [ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")])
    assert not is_ours_alone(text)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("::ffff:7f00:1", "[::ffff:127.0.0.1]", True),
        ("2001:db8::1", "[2001:0db8:0:0::1]", True),
        ("fe80::1%eth0", "fe80::1", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
        ("fe80::1%eth0", "fe80::1%eth1", False),
        ("::1", "127.0.0.1", False),
        ("::1", "0.0.0.1", False),
        ("Farm.example", "farm.EXAMPLE", True),
        ("farm.example", "10.0.0.1", False),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_same(one: str, other: str, equal: bool) -> None:
    assert same(one, other) is same(other, one) is equal


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "[::ffff:7f00:1]"),
        *("::1%lo", "localhost", "LocalHost", "localhost."),
    ],
)
def test_loopback(host: str) -> None:
    assert is_loopback(host)
    assert host.lower().startswith("localhost") or is_ours_alone(host)


@pytest.mark.parametrize(
    "host",
    [
        *("", "0.0.0.0", "::", "10.0.0.1", "::ffff:10.0.0.1", "localhost.example", "127.0.0.1.x"),
        *("2001:db8::1", "fe80::1", None),
    ],
)
def test_not_loopback(host: str | None) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("host", ["", "[]", "0.0.0.0", "::", "[::]", "::ffff:0.0.0.0"])
def test_anywhere(host: str) -> None:
    assert is_anywhere(host)
    assert not is_anywhere("127.0.0.1")
    assert not is_anywhere("farm.example")


@pytest.mark.parametrize(
    "host",
    [
        *("0.0.0.0", "::", "169.254.0.1", "::ffff:169.254.0.1", "fe80::1%eth0", "224.0.0.1"),
        *("ff02::1", "2002:7f00:1::", "64:ff9b::127.0.0.1", "::127.0.0.1", "::ffff:0.0.0.0"),
        *("64:ff9b:1::127.0.0.1", "::ffff:0:127.0.0.1"),
    ],
)
def test_what_means_something_else_on_every_machine(host: str) -> None:
    assert is_ours_alone(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1", "2002:a00:1::", "64:ff9b::10.0.0.1"])
def test_what_means_the_same_everywhere(host: str) -> None:
    assert not is_ours_alone(host)


@pytest.mark.parametrize(
    "host", ["198.51.101.7", "2606:4700::1111", "2002:c633:6507::", "64:ff9b::198.51.101.7"]
)
def test_what_is_anybodys_in_the_world(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize(
    ("text", "address", "inside"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("::ffff:a00:0/104", "::ffff:10.1.2.3", True),
        ("10.1.2.3", "::ffff:10.1.2.3", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("2001:db8::/32", "2001:db8:1::1", True),
        ("::/0", "10.1.2.3", False),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("10.0.0.0/8", "11.0.0.1", False),
    ],
)
def test_networks(text: str, address: str, inside: bool) -> None:
    assert within(address, [parse_network(text)]) is inside


def test_a_network_with_bits_behind_its_prefix_is_refused_unless_meant() -> None:
    with pytest.raises(ValueError, match="host bits"):
        parse_network("::ffff:10.0.0.1/104")
    assert str(parse_network("::ffff:10.0.0.1/104", strict=False)) == "10.0.0.0/8"


def test_a_network_as_a_socket_of_both_stacks_shows_it() -> None:
    network = ipaddress.IPv4Network("10.0.0.0/8")
    assert ipaddress.ip_address("::ffff:10.1.2.3") in mapped(network)
    assert parse_network(str(mapped(network))) == network


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fd00:1:2:3::4", "fd00:1:2:3::/64"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_for_whom_a_stranger_counts(host: str, counted: str) -> None:
    assert network_of(host) == counted


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("10.0.0.1", "10.0.0.1:22"),
        ("::1", "[::1]:22"),
        ("fe80::1%eth0", "[fe80::1%eth0]:22"),
        ("", ":22"),
    ],
)
def test_with_port(host: str, text: str) -> None:
    assert with_port(host, 22) == text


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("http://farm.example:8487", "ws://farm.example:8487/api/v1/link"),
        ("https://farm.example", "wss://farm.example/api/v1/link"),
        ("https://farm.example/boruta/", "wss://farm.example/boruta/api/v1/link"),
        ("ws://[::1]:8487", "ws://[::1]:8487/api/v1/link"),
        ("wss://farm.example", "wss://farm.example/api/v1/link"),
    ],
)
def test_where_websockets_are_taken_lies_below_the_server(server: str, url: str) -> None:
    assert websocket_url(server, "/api/v1/link") == url


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://farm.example:8487", True),
        ("ws://10.0.0.5", True),
        ("https://farm.example", False),
        ("wss://farm.example", False),
        ("http://127.0.0.1:8487", False),
        ("ws://localhost", False),
    ],
)
def test_what_can_be_read_on_its_way(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed
