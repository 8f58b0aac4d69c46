from pathlib import Path

import pytest

from boruta_farm.access.sites import SitePlace
from boruta_farm.model.errors import ConfigError
from boruta_farm.server.config import load
from boruta_farm.server.sites import places

DIGEST = "6b" * 32


def test_sites_are_read(tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text(f'[site.lab-b]\naddress = "198.51.100.7"\ncredential = "sha256:{DIGEST}"\n')
    assert places(load(path, {}).sites) == {
        "lab-b": SitePlace(address="198.51.100.7", digest=DIGEST)
    }


@pytest.mark.parametrize(
    ("name", "address", "credential", "words"),
    [
        ("lab-b", "relay.example", f"sha256:{DIGEST}", "'relay.example' is no IP address"),
        ("lab-b", "198.51.100.7", "secret", "start boruta relay at the site"),
        ("Lab_B", "198.51.100.7", f"sha256:{DIGEST}", "is no name of a site"),
    ],
)
def test_what_is_wrong_with_one_is_said(
    tmp_path: Path, name: str, address: str, credential: str, words: str
) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text(f'[site.{name}]\naddress = "{address}"\ncredential = "{credential}"\n')
    with pytest.raises(ConfigError, match=words):
        load(path, {})
