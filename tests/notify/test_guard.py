"""No webhook leads to this machine or into a private network, however that is spelt."""

import socket

import pytest

from boruta_farm.lookups import Found, Lookups
from boruta_farm.model.addresses import parse_network
from boruta_farm.notify.guard import AddressGuard, RefusedAddressError

PUBLIC = "198.51.101.7"


class Answering(Lookups):
    """Answer as somebody else's name server would."""

    def __init__(self, *answers: list[str]) -> None:
        super().__init__()
        self._answers = list(answers)

    async def find(self, host: str, asker: str) -> Found:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, address)
            for address in self._answers.pop(0)
        ]


@pytest.mark.parametrize(
    "host",
    [
        *(
            "127.0.0.1",
            "localhost",
            "LOCALHOST.",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
        ),
        *("0.0.0.0", "[::]", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
        *("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1"),
        *("[fe80::1]", "[fd00::1]", "[ff02::1]", "[2002:7f00:1::]", "[2002:a00:1::]"),
        *("[64:ff9b::7f00:1]", "[64:ff9b::a00:1]", "255.255.255.255", "192.0.2.1"),
        *("[64:ff9b:1::7f00:1]", "[64:ff9b:1::808:808]", "[::ffff:0:7f00:1]", "[fec0::1]"),
        *("[4000::1]", "[e000::1]"),
    ],
)
async def test_private_places_are_refused(host: str) -> None:
    with pytest.raises((RefusedAddressError, OSError)) as told:
        await AddressGuard().place(f"https://{host}/hook", "ann")
    if isinstance(told.value, RefusedAddressError):
        assert "this machine or into a private network" in str(told.value)


async def test_a_name_that_leads_to_private_places_is_refused() -> None:
    guard = AddressGuard(lookups=Answering(["10.0.0.1", "127.0.0.1", "::1"]))
    with pytest.raises(RefusedAddressError):
        await guard.place("https://hooks.example/", "ann")


async def test_what_was_judged_is_what_is_called() -> None:
    """A name that answers otherwise the next time (rebinding) is not asked again."""
    guard = AddressGuard(lookups=Answering(["10.0.0.1", PUBLIC]))
    place = await guard.place("https://Hooks.Example:8443/T0?x=1", "ann")
    assert place.url == f"https://{PUBLIC}:8443/T0?x=1"
    assert (place.host, place.name) == ("Hooks.Example:8443", "hooks.example")


async def test_without_tls_only_where_the_admin_opens_a_network() -> None:
    with pytest.raises(RefusedAddressError, match="use https"):
        await AddressGuard(lookups=Answering([PUBLIC])).place("http://hooks.example/", "ann")
    guard = AddressGuard([parse_network("10.0.0.0/8")], Answering(["10.1.2.3"], ["192.168.0.1"]))
    assert (await guard.place("http://lab.example", "ann")).url == "http://10.1.2.3:80/"
    with pytest.raises(RefusedAddressError):
        await guard.place("http://lab.example", "ann")


async def test_what_is_no_address_is_not_looked_up() -> None:
    with pytest.raises(RefusedAddressError, match="neither user nor password"):
        await AddressGuard(lookups=Answering()).place("https://a:b@hooks.example/", "ann")
