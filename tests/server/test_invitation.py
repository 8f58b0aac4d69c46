"""The line by which people sign in, out of what the server knows of itself."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from boruta_farm.server.authority import make_certificate
from boruta_farm.server.config import load
from boruta_farm.server.invitation import login_line


def line(data: Path, **settings: str) -> str:
    overrides = {"data": str(data), "users": "true", **settings}
    return login_line(load(environment={}, overrides=overrides))


@pytest.mark.parametrize(
    ("names", "address", "public", "url"),
    [
        (("farm.example", "10.0.0.5"), "0.0.0.0:8487", "", "https://farm.example:8487"),
        (("farm.example", "10.0.0.5"), "[::]:443", "10.0.0.5", "https://10.0.0.5:443"),
        (("farm.example", "10.0.0.5"), "0.0.0.0:8487", "10.9.9.9", "https://farm.example:8487"),
        (("farm.example", "127.0.0.1"), "127.0.0.1:8487", "", "https://127.0.0.1:8487"),
        (("fd00::5",), "0.0.0.0:8487", "", "'https://[fd00::5]:8487'"),
    ],
)
def test_a_host_that_the_certificate_bears(
    tmp_path: Path, names: tuple[str, ...], address: str, public: str, url: str
) -> None:
    folder = tmp_path / "my files"
    folder.mkdir()
    files = make_certificate(folder, names, datetime.now(UTC))
    tls = {"tls_certificate": str(files.certificate), "tls_key": str(files.key)}
    found = line(tmp_path, api_addr=address, public_address=public, **tls)
    assert found == f"boruta login {url} --ca-file '{files.authority}'"


def test_another_authority_beside_it_is_not_named(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, ("farm.example",), datetime.now(UTC))
    other = tmp_path / "other"
    other.mkdir()
    make_certificate(other, ("farm.example",), datetime.now(UTC)).authority.replace(files.authority)
    tls = {"tls_certificate": str(files.certificate), "tls_key": str(files.key)}
    assert line(tmp_path, **tls) == "boruta login https://farm.example:8487"
    files.authority.unlink()
    assert line(tmp_path, **tls) == "boruta login https://farm.example:8487"


def test_a_certificate_that_signed_itself_is_its_own_authority(tmp_path: Path) -> None:
    files = make_certificate(tmp_path, ("farm.example",), datetime.now(UTC))
    tls = {"tls_certificate": str(files.authority), "tls_key": str(files.key)}
    files.authority.rename(own := tmp_path / "own.pem")
    assert line(tmp_path, **tls | {"tls_certificate": str(own)}).endswith(f" --ca-file {own}")


def test_without_tls_it_is_the_address_itself(tmp_path: Path) -> None:
    assert line(tmp_path) == "boruta login http://127.0.0.1:8487"
