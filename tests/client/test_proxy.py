"""The proxy that the environment names: as curl reads it, and told in words where it is none."""

import pytest

from boruta_farm.client.proxy import proxy_for
from boruta_farm.model.errors import ConfigError

SERVER = "https://farm.example:8487"
PROXY = "http://proxy:3128"


def found(server: str, **environment: str) -> str | None:
    return proxy_for(server, environment)


def test_the_schemes_own_comes_before_the_one_for_all() -> None:
    assert found(SERVER) is None
    assert found(SERVER, HTTPS_PROXY=PROXY) == PROXY
    assert found(SERVER, https_proxy=PROXY, HTTPS_PROXY="http://other") == PROXY
    assert found(SERVER, HTTP_PROXY=PROXY) is None
    assert found(SERVER, ALL_PROXY="socks5://nobody:1", HTTPS_PROXY=PROXY) == PROXY
    assert found(SERVER, ALL_PROXY="proxy:3128") == PROXY
    assert found("http://farm.example", HTTP_PROXY=PROXY) == PROXY
    assert found("http://farm.example", HTTP_PROXY=PROXY, REQUEST_METHOD="GET") is None


@pytest.mark.parametrize(
    ("server", "listed", "spared"),
    [
        (SERVER, "farm.example", True),
        (SERVER, ".example", True),
        (SERVER, "*.example", True),
        (SERVER, "*", True),
        (SERVER, "other, example:8487", True),
        (SERVER, "farm.example:1", False),
        (SERVER, "arm.example", False),
        (SERVER, "::1,fd00::/8,[fe80::1]:8487,10.0.0.0/8", False),
        (SERVER, ",, ", False),
        ("http://[fd00::5]:8487", "fd00::/8", True),
        ("http://[fd00::5]:8487", "fd00::5", True),
        ("http://[fd00::5]:8487", "[fd00::5]:8487", True),
        ("http://[fd00::5]:8487", "[fd00::5]:1", False),
        ("http://[fd00::5]:8487", "::1", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://[::ffff:10.1.2.3]", "10.0.0.0/8", True),
        ("http://10.1.2.3", "10.1.2", False),
    ],
)
def test_what_is_reached_directly(server: str, listed: str, spared: bool) -> None:
    proxies = {"all_proxy": PROXY}
    assert (found(server, NO_PROXY=listed, **proxies) is None) is spared
    assert (found(server, no_proxy=listed, **proxies) is None) is spared


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("socks5://u:secret@proxy:1080", "a SOCKS proxy, which needs a library"),
        ("ftp://u:secret@proxy", "is no proxy's address"),
        ("http://u:secret@proxy:port", "is no proxy's address"),
        ("http://u:secret@[::1", "is no proxy's address"),
        ("http://", "is no proxy's address"),
        ("\x00secret", "is no proxy's address"),
    ],
)
def test_what_is_no_proxy_is_told_without_its_password(value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        found(SERVER, ALL_PROXY=value)
    assert caught.value.message.startswith("ALL_PROXY: ")
    assert "secret" not in caught.value.message
    assert found(SERVER, ALL_PROXY=value, NO_PROXY="farm.example") is None
