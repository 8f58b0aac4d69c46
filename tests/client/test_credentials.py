"""Tokens of signing in: in a keyring where there is one, else in a file only for its owner."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from boruta_farm.client import config, credentials
from boruta_farm.client.credentials import Credentials
from boruta_farm.model.errors import ConfigError

SERVER = "https://farm.example"


class DictKeyring:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service_name: str, username: str) -> str | None:
        return self.kept.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self.kept[service_name, username] = password

    def delete_password(self, service_name: str, username: str) -> None:
        del self.kept[service_name, username]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(credentials, "system_keyring", lambda: None)
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def test_a_file_only_for_its_owner(home: dict[str, str], tmp_path: Path) -> None:
    place = Credentials(home).put(SERVER, "secret")
    file = tmp_path / "boruta" / "tokens.json"
    assert place == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Credentials(home).get(SERVER) == "secret"
    assert Credentials(home).get("https://other.example") is None
    assert [path.name for path in file.parent.iterdir()] == ["tokens.json"]
    Credentials(home).forget(SERVER)
    assert "secret" not in file.read_text()


def test_a_keyring_where_there_is_one(home: dict[str, str], tmp_path: Path) -> None:
    keyring = DictKeyring()
    assert "keyring" in Credentials(home, keyring).put(SERVER, "secret")
    assert "secret" not in (tmp_path / "boruta" / "tokens.json").read_text()
    assert Credentials(home, keyring).get(SERVER) == "secret"
    Credentials(home, keyring).forget(SERVER)
    assert keyring.kept == {}


def test_a_keyring_that_went_away_is_no_token(home: dict[str, str]) -> None:
    Credentials(home, DictKeyring()).put(SERVER, "secret")
    assert Credentials(home).get(SERVER) is None


@pytest.mark.parametrize("content", ["", "{", "nonsense"])
def test_a_damaged_file_is_told(home: dict[str, str], tmp_path: Path, content: str) -> None:
    Credentials(home).put(SERVER, "secret")
    (tmp_path / "boruta" / "tokens.json").write_text(content)
    with pytest.raises(ConfigError, match="boruta login"):
        Credentials(home).get(SERVER)


def test_the_configuration_takes_the_token_of_its_server_only(home: dict[str, str]) -> None:
    Credentials(home).put(SERVER, "secret")
    assert config.load(server=SERVER, environment=home).token == "secret"
    assert config.load(server=f"{SERVER}/", environment=home).token == "secret"
    assert config.load(server="http://farm.example", environment=home).token is None
    given = home | {"BORUTA_TOKEN": "mine"}
    assert config.load(server=SERVER, environment=given).token == "mine"


class LockedKeyring(DictKeyring):
    """A keyring that nobody unlocks; ``open`` lets it work."""

    def __init__(self) -> None:
        super().__init__()
        self.open = False

    def get_password(self, service_name: str, username: str) -> str | None:
        self._check()
        return super().get_password(service_name, username)

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self._check()
        super().set_password(service_name, username, password)

    def delete_password(self, service_name: str, username: str) -> None:
        self._check()
        super().delete_password(service_name, username)

    def _check(self) -> None:
        if not self.open:
            raise RuntimeError("Failed to unlock\nthe collection!")


def test_a_locked_keyring_leaves_the_token_to_the_file(
    home: dict[str, str], tmp_path: Path
) -> None:
    keyring = LockedKeyring()
    place = Credentials(home, keyring).put(SERVER, "secret")
    file = tmp_path / "boruta" / "tokens.json"
    assert place == (
        f"{file}, since the system's keyring cannot be used (Failed to unlock the collection!)"
    )
    assert Credentials(home, keyring).get(SERVER) == "secret"
    Credentials(home, keyring).forget(SERVER)
    assert "secret" not in file.read_text()


@pytest.mark.parametrize("fails", ["RuntimeError('no place')", "ImportError('no place')"])
def test_a_keyring_that_fails_when_it_is_imported_leaves_the_token_to_the_file(
    fails: str, tmp_path: Path
) -> None:
    """The library reads its own settings then: the plug-in that one names, or nonsense."""
    (tmp_path / "keyring.py").write_text(f"raise {fails}")
    code = "from boruta_farm.client.credentials import Credentials as C; print(C().put('s', 't'))"
    path = os.pathsep.join([str(tmp_path), *sys.path])
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"XDG_CONFIG_HOME": str(tmp_path), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    file = tmp_path / "boruta" / "tokens.json"
    assert told.stdout == f"{file}, since the system's keyring cannot be used (no place)\n"
    assert told.stderr == ""


def test_a_keyring_that_was_locked_since_is_told_with_what_helps(home: dict[str, str]) -> None:
    keyring = LockedKeyring()
    keyring.open = True
    Credentials(home, keyring).put(SERVER, "secret")
    keyring.open = False
    with pytest.raises(ConfigError, match=f"unlock it, .* boruta login {SERVER}"):
        Credentials(home, keyring).get(SERVER)
    with pytest.raises(ConfigError, match="may still hold the token"):
        Credentials(home, keyring).forget(SERVER)
    assert Credentials(home, keyring).get(SERVER) is None


def test_a_kept_token_that_was_damaged_is_not_shown(home: dict[str, str], tmp_path: Path) -> None:
    Credentials(home).put(SERVER, "sec\u200bret")
    with pytest.raises(ConfigError, match=r"tokens.json: .*U\+200B") as caught:
        Credentials(home).get(SERVER)
    assert "ret" not in caught.value.message.partition("tokens.json")[2]


def test_a_folder_that_cannot_be_written_is_told_before_a_token_is_given_up(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        Credentials({"XDG_CONFIG_HOME": "/proc/none"}).prove_writable()
    Credentials({"XDG_CONFIG_HOME": str(tmp_path)}).prove_writable()


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "home_of", lambda _: None)
    nobody = Credentials({})
    assert nobody.get(SERVER) is None
    with pytest.raises(ConfigError, match="XDG_CONFIG_HOME"):
        nobody.prove_writable()
