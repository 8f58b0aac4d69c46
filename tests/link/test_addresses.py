import pytest

from boruta_farm.link.addresses import complete, settle_reach
from boruta_farm.model.errors import AddressError
from boruta_farm.model.worker import Reach


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


@pytest.mark.parametrize(
    ("wanted", "ssh", "local", "peer", "settled"),
    [
        (None, ":22", None, "10.0.0.7", Reach.DIRECT),
        ("direct", ":22", "192.168.1.7", "10.0.0.7", Reach.DIRECT),
        ("outbound", "10.0.0.7:22", "10.0.0.7", "10.0.0.7", Reach.OUTBOUND),
        ("auto", ":22", "10.0.0.7", "10.0.0.7", Reach.AUTO),
        ("auto", ":22", "10.0.0.7", "::ffff:10.0.0.7", Reach.AUTO),
        ("auto", ":22", None, "10.0.0.7", Reach.AUTO),
        ("auto", ":22", "192.168.1.7", "10.0.0.7", Reach.OUTBOUND),
        ("auto", "0.0.0.0:22", "192.168.1.7", "10.0.0.7", Reach.OUTBOUND),
        ("auto", "board.example:22", "192.168.1.7", "10.0.0.7", Reach.AUTO),
        ("auto", "127.0.0.1:2222", "10.0.0.7", "10.0.0.7", Reach.OUTBOUND),
        ("auto", "127.0.0.1:2222", "127.0.0.1", "127.0.0.1", Reach.AUTO),
    ],
)
def test_reach_is_settled_by_what_the_server_sees(
    wanted: str | None, ssh: str, local: str | None, peer: str, settled: Reach
) -> None:
    assert settle_reach(wanted, ssh, local, peer) is settled


def test_another_word_for_reach_is_refused() -> None:
    with pytest.raises(AddressError, match="none of direct, outbound, auto"):
        settle_reach("sideways", ":22", None, "10.0.0.7")


def test_what_nobody_dials_may_be_loopback() -> None:
    assert complete("127.0.0.1:22", "10.0.0.7", dialled=False) == "127.0.0.1:22"
