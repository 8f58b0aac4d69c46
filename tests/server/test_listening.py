"""Nothing but loopback is served without saying what is given up."""

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.server.config import Config, load
from boruta_farm.settings.document import describe

TLS: dict[str, object] = {"tls_certificate": "/c.pem", "tls_key": "/c.key"}


def loaded(**overrides: object) -> Config:
    return load(environment={}, overrides=overrides)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "[::1]", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    assert loaded(api_addr=f"{host}:0").tls_certificate is None


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "10.1.2.3", "farm.example", ""])
def test_elsewhere_both_are_needed(host: str) -> None:
    address = f"{host}:8487"
    with pytest.raises(ConfigError, match="asks nobody who he is"):
        loaded(api_addr=address, **TLS)
    for who in ("allow_anonymous", "users"):
        with pytest.raises(ConfigError, match="without TLS"):
            loaded(api_addr=address, **{who: True})
    loaded(api_addr=address, users=True, **TLS)
    loaded(api_addr=address, allow_anonymous=True, **TLS)
    loaded(api_addr=address, allow_anonymous=True, allow_plaintext=True)


@pytest.mark.parametrize("key", TLS)
def test_certificate_and_key_belong_together(key: str) -> None:
    with pytest.raises(ConfigError, match="belong together"):
        loaded(**{key: TLS[key]})


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("cors_origins", "ci.example", "is no origin"),
        ("cors_origins", "https://ci.example/path", "is no origin"),
        ("trusted_proxies", "proxy.example", "write networks"),
        ("tunnel_address", "farm.example", "is no IP address"),
    ],
)
def test_unreadable_values_are_refused(key: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        loaded(**{key: value})


def test_values_are_read_and_shown() -> None:
    config = loaded(
        cors_origins="https://ci.example, http://10.0.0.7:8080",
        trusted_proxies="10.0.0.0/8",
        tunnel_address="10.0.0.1",
        **TLS,
    )
    assert config.cors_origins == ("https://ci.example", "http://10.0.0.7:8080")
    shown = describe(config)
    for line in (
        'cors_origins = "https://ci.example, http://10.0.0.7:8080"',
        'trusted_proxies = "10.0.0.0/8"',
        'tls_certificate = "/c.pem"',
        'tunnel_address = "10.0.0.1"',
    ):
        assert line in shown


def test_a_database_password_is_not_shown() -> None:
    shown = describe(loaded(database="postgresql://farm:s3cret@db.example/farm"))
    assert "s3cret" not in shown
    assert 'database = "postgresql://farm:***@db.example/farm"' in shown


def test_a_wrong_database_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ConfigError) as refused:
        loaded(database="mysql://farm:s3cret@db.example/farm")
    assert "s3cret" not in str(refused.value)
