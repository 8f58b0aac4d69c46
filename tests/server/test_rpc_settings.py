import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.server.config import load
from boruta_farm.settings.document import describe


def test_go_rpc_is_off_unless_configured() -> None:
    config = load(environment={})
    assert (config.rpc_addr, config.rpc_allow) == (None, ())
    assert 'rpc_addr = ""\nrpc_allow = ""\n' in describe(config)


def test_address_and_networks_are_read_and_shown() -> None:
    environment = {
        "BORUTA_RPC_ADDR": "127.0.0.1:7175",
        "BORUTA_RPC_ALLOW": "10.0.0.0/8,fd00::/8",
    }
    config = load(environment=environment)
    assert config.rpc_addr == ("127.0.0.1", 7175)
    assert [str(network) for network in config.rpc_allow] == ["10.0.0.0/8", "fd00::/8"]
    assert 'rpc_addr = "127.0.0.1:7175"\nrpc_allow = "10.0.0.0/8, fd00::/8"\n' in describe(config)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            {"rpc_addr": ":7175"},
            r"rpc_addr: every address of this machine can be reached from other machines",
        ),
        ({"rpc_addr": "7175"}, "is no address; write HOST:PORT"),
        ({"rpc_allow": "10.0.0.1/8"}, r"did you mean 10\.0\.0\.0/8"),
    ],
)
def test_unsafe_or_unreadable_values_are_refused(overrides: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(environment={}, overrides=overrides)


def test_other_machines_may_come_when_that_is_accepted() -> None:
    overrides: dict[str, object] = {"rpc_addr": ":7175", "allow_anonymous": True}
    assert load(environment={}, overrides=overrides).rpc_addr == ("", 7175)
