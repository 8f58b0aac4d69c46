import pytest

from boruta_farm.link.addresses import complete
from boruta_farm.model.errors import AddressError


@pytest.mark.parametrize(
    ("address", "peer", "completed"),
    [
        (":22", "10.0.0.7", "10.0.0.7:22"),
        ("0.0.0.0:22", "10.0.0.7", "10.0.0.7:22"),
        ("[::]:22", "fd00::7", "[fd00::7]:22"),
        (":22", "::ffff:10.0.0.7", "10.0.0.7:22"),
        ("10.0.0.9:22", "10.0.0.7", "10.0.0.9:22"),
        ("board.example:22", "10.0.0.7", "board.example:22"),
        ("127.0.0.1:2222", "127.0.0.1", "127.0.0.1:2222"),
        ("localhost:2222", "::1", "localhost:2222"),
        ("127.0.0.1:2222", "::ffff:127.0.0.1", "127.0.0.1:2222"),
    ],
)
def test_the_host_is_the_peers_unless_it_is_named(address: str, peer: str, completed: str) -> None:
    assert complete(address, peer) == completed


@pytest.mark.parametrize("address", ["127.0.0.1:8487", "localhost:22", "[::1]:22", "127.9.9.9:1"])
def test_nobody_else_sends_us_to_our_own_loopback(address: str) -> None:
    with pytest.raises(AddressError, match="loopback"):
        complete(address, "10.0.0.7")


def test_an_empty_address_is_refused() -> None:
    with pytest.raises(AddressError, match="can't be empty"):
        complete("", "10.0.0.7")
