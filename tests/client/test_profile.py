"""What signing in writes into a file that people edit too."""

import stat
from pathlib import Path

import pytest

from boruta_farm.client import config
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.profile import Profile
from boruta_farm.model.errors import ConfigError

FARM = ClientConfig(server="https://farm:8487", ca_file=Path('/etc/farm "1"/ca.pem'))
FILE = """\
# My farms.
server = "http://old:8487"   # the old one
token = "boruta_p_1_x"

[profile.far]
server = "https://far.example"
# Kept by hand.
ca_file = "far.pem"
[profile.near]
server = "http://near"
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


def file(environment: dict[str, str]) -> Path:
    path = Path(environment["XDG_CONFIG_HOME"]) / "boruta" / "config.toml"
    path.parent.mkdir(exist_ok=True)
    return path


def saved(environment: dict[str, str], name: str | None = None) -> str:
    profile = Profile(name, environment)
    profile.prove_writable()
    profile.save(FARM, "ann")
    loaded = config.load(environment=environment, profile=name)
    assert (loaded.server, loaded.ca_file) == (FARM.server, FARM.ca_file)
    assert stat.S_IMODE(file(environment).stat().st_mode) == 0o600
    return file(environment).read_text()


def test_a_file_is_made(environment: dict[str, str]) -> None:
    saved(environment)
    assert 'account = "ann"' in saved(environment), "a second time changes nothing"


def test_the_rest_of_a_file_stays(environment: dict[str, str]) -> None:
    file(environment).write_text(FILE)
    file(environment).chmod(0o600)
    text = saved(environment)
    assert "# My farms." in text
    assert "boruta_p_1_x" not in text, "it would go before the token that was just made"
    assert text.partition("[profile.far]")[2] == FILE.partition("[profile.far]")[2]


@pytest.mark.parametrize("name", ["far", "near", "new"])
def test_a_profile_by_name(environment: dict[str, str], name: str) -> None:
    file(environment).write_text(FILE)
    file(environment).chmod(0o600)
    assert Profile(name, environment).exists is (name != "new")
    text = saved(environment, name)
    assert text.startswith(FILE.partition("[profile.far]")[0])
    assert ("# Kept by hand." in text) is True


def test_the_profile_that_is_used_anyway_is_the_one_that_is_written(
    environment: dict[str, str],
) -> None:
    file(environment).write_text('profile_name = "far"\n' + FILE)
    file(environment).chmod(0o600)
    saved(environment)
    assert config.load(environment=environment, profile="near").server == "http://near"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server = ", "is no valid TOML"),
        (f"server = {'9' * 5000}", "is no valid TOML"),
        (f"server = {'[' * 50_000}", "is no valid TOML"),
        ("profile = 3", "write profiles as tables"),
        (
            'profile = {far = {server = "http://far"}}\nprofile_name = "far"',
            "set these by hand|is no valid",
        ),
        ('profile_name = "a b"', "names no profile"),
    ],
)
def test_what_cannot_be_changed_is_told_and_left(
    environment: dict[str, str], text: str, words: str
) -> None:
    file(environment).write_text(text)
    file(environment).chmod(0o600)
    with pytest.raises(ConfigError, match=words):
        saved(environment)
    assert file(environment).read_text() == text


def test_a_link_into_a_repository_stays_one(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "boruta.toml").write_text(FILE)
    (tmp_path / "dotfiles" / "boruta.toml").chmod(0o600)
    file(environment).symlink_to(tmp_path / "dotfiles" / "boruta.toml")
    saved(environment)
    assert file(environment).is_symlink()


def test_a_folder_that_cannot_be_written_is_told_before(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        Profile(None, {"XDG_CONFIG_HOME": str(tmp_path / "file")}).prove_writable()
