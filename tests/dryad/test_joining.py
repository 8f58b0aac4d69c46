"""Joining a farm: what is written, for whom, and that a token is shown nowhere."""

import io
import os
import tomllib
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boruta_farm.dryad import checking, config
from boruta_farm.dryad.config import UnconfiguredError
from boruta_farm.dryad.joining import settle, start_line
from boruta_farm.dryad.main import UNCONFIGURED, run
from boruta_farm.model.errors import ConfigError

JOIN = "boruta_j_0001_c2VjcmV0"
OTHER = "boruta_j_0002_b3RoZXI"


def test_settings_are_replaced_and_comments_stay() -> None:
    before = config.example()
    wanted = {
        "server": "https://farm:8487",
        "ca_file": "/etc/c.pem",
        "name": 'a "b"',
        "helper": None,
    }
    after = settle(before, wanted, {"device_type": "rpi4", "arch": "arm64"})
    content = tomllib.loads(after)
    assert {key: content.get(key) for key in wanted} == wanted
    assert content["caps"] == {
        **tomllib.loads(before)["caps"],
        "device_type": "rpi4",
        "arch": "arm64",
    }
    assert after.count("#") == before.count("#") - 2, "two settings were comments"
    assert "# Who a session is.\n[user]\n" in after, "what is told of a table stays above it"
    again = settle(after, {**wanted, "server": "https://other", "name": None}, {"arch": "arm"})
    content = tomllib.loads(again)
    assert (content["server"], content.get("name")) == ("https://other", None)
    assert content["caps"]["arch"] == "arm"
    assert content["user"] == tomllib.loads(before)["user"]


@pytest.mark.parametrize(
    ("conf", "line"),
    [
        ("/etc/boruta/dryad.conf", "systemctl enable --now dryad-helper dryad"),
        ("/etc/boruta/two.conf", "systemctl enable --now dryad-helper@two dryad@two"),
        ("/home/ann/dryad.conf", "dryad --conf /home/ann/dryad.conf"),
        ("/home/ann/my lab/two.conf", "dryad --conf '/home/ann/my lab/two.conf'"),
    ],
)
def test_units_are_named_only_for_files_that_they_read(conf: str, line: str) -> None:
    assert start_line(Path(conf)) == line


def test_a_token_left_in_the_file_goes_once_it_is_not_needed() -> None:
    before = config.example().replace('# join_token = ""', f'join_token = "{JOIN}"')
    assert JOIN not in settle(before, {"join_token": None}, {})


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    return give


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "the join token: holds no token: it is empty"),
        (f"{JOIN} x\n", "blanks or line ends"),
        (f'"{JOIN}"\n', "in quotes"),
        (f"{JOIN}\n", "is out of reach"),
    ],
)
def test_what_goes_wrong_leaves_nothing_and_shows_nothing(
    tmp_path: Path,
    stdin: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
    given: str,
    words: str,
) -> None:
    conf = tmp_path / "dryad.conf"
    conf.write_text(config.example().replace("# state_dir", f'state_dir = "{tmp_path}/state"\n#'))
    before = conf.read_text()
    stdin(given)
    assert run(["join", "http://127.0.0.1:1/", "--conf", str(conf), "--user", "no-such"]) == 1
    told = capsys.readouterr()
    assert words in told.err
    assert len(told.err.splitlines()) == 1
    assert JOIN not in told.err + told.out
    assert conf.read_text() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"dryad.conf", "state"}


def test_a_token_is_no_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["join", JOIN])
    told = capsys.readouterr().err
    assert "must not be an argument" in told
    assert "c2VjcmV0" not in told


def test_a_token_in_the_environment_is_checked_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRYAD_JOIN_TOKEN", f"{JOIN}\n{OTHER}")
    assert run(["join", "http://127.0.0.1:1", "--conf", str(tmp_path / "dryad.conf")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("dryad join: DRYAD_JOIN_TOKEN: ")
    assert "c2VjcmV0" not in told


def test_without_a_farm_the_agent_says_so_by_its_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = tmp_path / "dryad.conf"
    config.write_example(conf)
    assert run(["--conf", str(conf)]) == UNCONFIGURED
    assert run(["helper", "--conf", str(conf)]) == UNCONFIGURED
    assert "dryad join https://FARM:8487" in capsys.readouterr().err
    with pytest.raises(UnconfiguredError):
        config.load(conf)


@contextmanager
def configured(folder: Path, **values: str) -> Iterator[Path]:
    """Write a configuration into a folder that every account can look into."""
    for place in (folder, *folder.parents):
        if place.is_relative_to("/tmp") and place != Path("/tmp"):
            place.chmod(place.stat().st_mode | 0o011)
    conf = folder / "board.conf"
    values = {
        "server": "http://127.0.0.1:1",
        "helper": "/run/boruta/helper/board.sock",
        "state_dir": str(folder / "state"),
        **values,
    }
    lines = [f'{key} = "{value}"' for key, value in values.items()]
    conf.write_text("\n".join([*lines, "[caps]", f'UUID = "{uuid.uuid4()}"', ""]))
    conf.chmod(0o644)
    yield conf


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_configuration_is_read_as_the_services_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured(tmp_path) as conf:
        arguments = ["config", "check", "--conf", str(conf), "--user", "nobody"]
        assert run(arguments) == 0
        assert capsys.readouterr().out == f"{conf} is good for the user nobody\n"
        conf.chmod(0o600)
        assert run(arguments) == 1
        assert f"{conf}: cannot be read: Permission denied" in capsys.readouterr().err
        conf.chmod(0o644)
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        assert run(arguments) == 1
        assert f"state_dir: {state} cannot be used" in capsys.readouterr().err
        os.chown(state, 65534, 65534)
        (state / "credential").write_text("x" * 43)
        (state / "credential").chmod(0o600)
        with pytest.raises(ConfigError, match=r"credential cannot be read: Permission denied"):
            checking.check(conf, "nobody")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_token_in_the_file_is_for_the_service_and_nobody_else(tmp_path: Path) -> None:
    with configured(tmp_path, join_token=JOIN) as conf:
        with pytest.raises(ConfigError, match=f"chmod g-w,o= {conf}"):
            checking.check(conf, "nobody")
        conf.chmod(0o640)
        with pytest.raises(ConfigError, match="cannot be read"):
            checking.check(conf, "nobody")
        os.chown(conf, 0, 65534)
        assert checking.check(conf, "nobody") == "nobody"
        conf.chmod(0o660)
        with pytest.raises(ConfigError, match="its group can change it"):
            checking.check(conf, "nobody")
