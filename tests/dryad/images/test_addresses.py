"""An address is allowed where every server understands it as lying below the list's."""

import pytest

from boruta_farm.dryad.images.addresses import is_address, is_allowed

LIST = ("https://images.example/releases", "http://lab:8080")


@pytest.mark.parametrize(
    "address",
    [
        "https://images.example/releases/a.img",
        "HTTPS://images.example:443/releases/b/c.img.xz?token=1",
        "https://IMAGES.example/releases/%C3%A4.img",
        "http://lab:8080/",
        "http://lab:8080/any.img",
    ],
)
def test_allowed(address: str) -> None:
    assert is_address(address)
    assert is_allowed(address, LIST)


@pytest.mark.parametrize(
    "address",
    [
        "https://images.example/releases",
        "https://images.example/releases.evil/a.img",
        "https://images.example.evil/releases/a.img",
        "https://images.example@evil/releases/a.img",
        "https://user@images.example/releases/a.img",
        "https://images.example/releases/../private",
        "https://images.example/releases/%2e%2E/private",
        "https://images.example/releases/..%2fprivate",
        "https://images.example/releases\\..\\private",
        "https://images.example/releases/a b",
        "https://images.example/releases/\u00e4",
        "https://images.example:444/releases/a.img",
        "https://images.example:x/releases/a.img",
        "http://images.example/releases/a.img",
        "http://lab/any.img",
        "ftp://lab:8080/any.img",
        "file:///etc/shadow",
        "//lab:8080/any.img",
        "",
    ],
)
def test_not_allowed(address: str) -> None:
    assert not is_allowed(address, LIST)
    assert not is_allowed(address, ())


def test_a_file_is_no_address() -> None:
    assert not is_address("https.img")
