import pytest

from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.routes import RouteTable, RpcPeer, route
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import HEALTHCHECK


async def healthcheck(argument: Empty, peer: RpcPeer) -> Empty:
    return argument


def test_a_known_method_is_found() -> None:
    known = route(HEALTHCHECK, healthcheck)
    assert RouteTable([known]).find("Dryad.Healthcheck") is known


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Dryad.Nope", "rpc: can't find method Dryad.Nope"),
        ("Interface.DUT", "rpc: can't find service Interface.DUT"),
        ("a.Dryad.Healthcheck", "rpc: can't find service a.Dryad.Healthcheck"),
        ("Healthcheck", "rpc: service/method request ill-formed: Healthcheck"),
        ("", "rpc: service/method request ill-formed: "),
    ],
)
def test_what_is_not_found_is_told_in_go_s_words(name: str, text: str) -> None:
    with pytest.raises(ServerError) as raised:
        RouteTable([route(HEALTHCHECK, healthcheck)]).find(name)
    assert str(raised.value) == text


def test_peers_have_a_name_for_the_log() -> None:
    assert str(RpcPeer(host="10.0.0.7", port=4000)) == "10.0.0.7 port 4000"
    assert str(RpcPeer()) == "a local process"
