"""Threat: secrets lie where other users of the machine can read or replace them."""

from pathlib import Path

import pytest

from boruta_farm.dryad.files import LockedFolder
from boruta_farm.model.errors import ConfigError
from boruta_farm.server.config import load
from boruta_farm.server.folder import DataFolder


def opened(path: Path, kind: str) -> None:
    folder = DataFolder(path) if kind == "server" else LockedFolder(path, "state_dir")
    folder.open()
    folder.close()


@pytest.mark.parametrize("kind", ["server", "agent"])
def test_a_folder_that_anybody_may_write_to_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "data"
    opened(folder, kind)
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod 700"):
        opened(folder, kind)
    folder.chmod(0o700)
    opened(folder, kind)


def test_the_check_before_a_start_says_so_too(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    opened(folder, "server")
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod 700"):
        DataFolder(folder).check()


@pytest.mark.parametrize(
    "address", ["postgresql://ann:secret@db/farm", "postgresql://db/farm?user=ann&password=secret"]
)
def test_a_database_s_password_that_all_can_read_is_refused(tmp_path: Path, address: str) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text(f'database = "{address}"\n')
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"database: everybody .* chmod g-w,o=") as refusal:
        load(path, environment={})
    assert "secret" not in refusal.value.message
    path.chmod(0o640)
    assert load(path, environment={}).database == address


def test_an_address_without_one_may_be_read_by_all(tmp_path: Path) -> None:
    path = tmp_path / "boruta.toml"
    path.write_text('database = "postgresql://ann@db/farm"\n')
    path.chmod(0o644)
    assert load(path, environment={}).database
