from pathlib import Path

import pytest

from boruta_farm.client.config import DEFAULT_SERVER, ClientConfig, load
from boruta_farm.model.errors import ConfigError

FILE = """
server = "http://lab:8487"
token = "top"

[profile.far]
server = "https://far.example"
token = "secret"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


def test_without_anything_it_is_this_machine(tmp_path: Path) -> None:
    assert load(environment={}, path=tmp_path / "none") == ClientConfig(server=DEFAULT_SERVER)


def test_default_file_lies_in_the_users_configuration(path: Path, tmp_path: Path) -> None:
    home = tmp_path / "home" / ".config" / "boruta"
    home.mkdir(parents=True)
    path.rename(home / "config.toml")
    assert load(environment={"HOME": str(tmp_path / "home")}).server == "http://lab:8487"
    assert load(environment={"XDG_CONFIG_HOME": str(home.parent)}).server == "http://lab:8487"


def test_file_profile_environment_and_flag_in_this_order(path: Path) -> None:
    assert load(environment={}, path=path) == ClientConfig(server="http://lab:8487", token="top")
    far = ClientConfig(server="https://far.example", token="secret")
    assert load(environment={"BORUTA_PROFILE": "far"}, path=path) == far
    environment = {"BORUTA_SERVER": "http://other:1"}
    assert load(environment=environment, path=path).server == "http://other:1"
    assert (
        load(server="http://flag:2/", environment=environment, path=path).server == "http://flag:2"
    )
    assert load(profile="far", environment=environment, path=path) == far


def test_a_token_is_not_sent_to_another_server(path: Path) -> None:
    assert load(server="http://other:1", environment={}, path=path).token is None
    assert load(server="http://lab:8487", environment={}, path=path).token == "top"
    environment = {"BORUTA_TOKEN": "mine"}
    assert load(server="http://other:1", environment=environment, path=path).token == "mine"


def test_a_ci_job_signs_in_where_no_token_is_given(path: Path, tmp_path: Path) -> None:
    environment = {"BORUTA_WORKLOAD": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    as_job = load(environment=environment, path=path)
    assert as_job.job is not None
    assert as_job.token is None
    given = load(environment={**environment, "BORUTA_TOKEN": "mine"}, path=path)
    assert (given.token, given.job) == ("mine", None)
    assert load(environment=environment, path=path, anonymous=True).job is None
    path.write_text('server = "http://lab:8487"\nworkload = true\n')
    assert load(environment={}, path=path).job is not None
    there = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(server="http://other:1", environment=there, path=path).job is None
    assert load(environment={}, path=path).exposes_token


def test_token_is_not_shown(path: Path) -> None:
    assert "top" not in repr(load(environment={}, path=path))


def test_profile_named_in_the_file(path: Path) -> None:
    path.write_text('profile_name = "far"\n' + FILE)
    assert load(environment={}, path=path).token == "secret"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server = 3", "server: 3 must be a text"),
        ("sever = 'x'", "sever: there is no such setting; did you mean server"),
        ("server = ", "is no valid TOML"),
        ("profile_name = 'lab'", r"no \[profile.lab\]; known profiles: none"),
        ("profile = 'lab'", "profile: 'lab' must be a table"),
        ("server = 'lab:8487'", "did you mean http://lab:8487"),
        ("server = 'http://u:p@lab'", "a token goes into BORUTA_TOKEN"),
        ("server = 'http://lab:port'", "is no address"),
    ],
)
def test_mistakes_are_named_with_their_place(path: Path, text: str, words: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        load(environment={}, path=path)
    assert str(path) in str(caught.value)


def test_unknown_profile(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ConfigError, match="known profiles: far"):
        load(profile="near", environment={}, path=path)
    with pytest.raises(ConfigError, match="does not exist"):
        load(profile="near", environment={}, path=tmp_path / "none")


def test_a_file_with_a_token_must_be_private(path: Path) -> None:
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(environment={}, path=path)


@pytest.mark.parametrize(
    ("server", "token", "exposed"),
    [
        ("http://farm.example:8487", "t", True),
        ("http://10.0.0.5", "t", True),
        ("https://farm.example", "t", False),
        ("http://127.0.0.1:8487", "t", False),
        ("http://localhost", "t", False),
        ("http://[::1]:8487", "t", False),
        ("http://farm.example", None, False),
    ],
)
def test_a_token_in_the_open_is_noticed(server: str, token: str | None, exposed: bool) -> None:
    assert ClientConfig(server=server, token=token).exposes_token is exposed
