import tomllib
import uuid
from pathlib import Path

import pytest

from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.config import load
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.worker import Reach

UUID = "d8edba27-37b0-4eb2-b78b-5e4ca1f82ca9"
GOOD = f"""\
server = "http://farm.example:8487"
[caps]
UUID = "{UUID}"
"""
ORIGINAL = f"""\
[caps]
UUID = "{UUID}"
"""
FULL = f"""\
server = "https://farm.example/boruta/"
name = "lab-rpi4"
driver = "sandbox"
state_dir = "/srv/dryad"
listen_address = "10.0.0.1:7175"
ssh_address = "10.0.0.1:22"
sdcard = "/dev/sda"
stm_path = "/run/other.socket"
reach = "outbound"
relay_address = "gate.example:443"
[caps]
UUID = "{UUID}"
device_type = "rpi4"
[user]
name = "lab-user"
groups = ["disk", "dialout"]
[sandbox]
port = 2222
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "dryad.conf"
    path.write_text(text)
    return path


def test_a_server_of_the_original_needs_no_other_address(tmp_path: Path) -> None:
    config = load(write(tmp_path, 'boruta_address = "old.example:7175"\n' + ORIGINAL))
    assert (config.server, config.boruta_address) == ("", "old.example:7175")


def test_the_written_file_is_the_originals_with_a_fresh_uuid(tmp_path: Path) -> None:
    path = tmp_path / "dryad.conf"
    configuration.write_example(path)
    content = tomllib.loads(path.read_text())
    board = uuid.UUID(content["caps"].pop("UUID"))
    assert board.version == 4
    assert content == {
        "server": "",
        "listen_address": ":7175",
        "boruta_address": "",
        "ssh_address": ":22",
        "sdcard": "/dev/sdX",
        "stm_path": "/run/stm.socket",
        "caps": {},
        "user": {"name": "boruta-user", "groups": []},
    }
    with pytest.raises(ConfigError, match="server: is empty"):
        load(path)


def test_the_written_file_serves_once_the_farm_is_named(tmp_path: Path) -> None:
    text = configuration.example().replace('server = ""', 'server = "http://farm.example:8487"')
    config = load(write(tmp_path, text))
    assert config.server == "http://farm.example:8487"
    assert config.listen_address == ":7175"


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    with pytest.raises(ConfigError, match="cannot be written"):
        configuration.write_example(path)
    assert path.read_text() == GOOD


def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="make its folder"):
        configuration.write_example(tmp_path / "missing" / "dryad.conf")
    assert not (tmp_path / "missing").exists()


def test_defaults_stand_in_for_what_is_not_said(tmp_path: Path) -> None:
    config = load(write(tmp_path, GOOD))
    assert config.uuid == UUID
    assert config.caps == {"UUID": UUID}
    assert config.name is None
    assert (config.listen_address, config.ssh_address) == (":7175", ":22")
    assert (config.user.name, config.user.groups) == ("boruta-user", ())
    assert config.state_dir.is_absolute()
    assert (config.reach, config.relay_address) == (Reach.AUTO, "")


def test_everything_can_be_said(tmp_path: Path) -> None:
    config = load(write(tmp_path, FULL))
    assert config.server == "https://farm.example/boruta"
    assert (config.name, config.driver) == ("lab-rpi4", "sandbox")
    assert config.state_dir == Path("/srv/dryad")
    assert config.boruta_address == ""
    assert (config.sdcard, config.stm_path) == ("/dev/sda", "/run/other.socket")
    assert config.caps["device_type"] == "rpi4"
    assert (config.user.name, config.user.groups) == ("lab-user", ("disk", "dialout"))
    assert config.tables.table("sandbox").content == {"port": 2222}
    assert (config.reach, config.relay_address) == (Reach.OUTBOUND, "gate.example:443")


@pytest.mark.parametrize(("there", "driver"), [(True, "muxpi"), (False, "linux")])
def test_the_driver_follows_the_hardware(there: bool, driver: str, tmp_path: Path) -> None:
    socket = tmp_path / "stm.socket"
    if there:
        socket.touch()
    assert load(write(tmp_path, f'stm_path = "{socket}"\n' + GOOD)).driver == driver


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "is no valid TOML"),
        ('sever = "x"\n' + GOOD, r"sever: there is no such setting; did you mean server\?"),
        (
            GOOD + "[user]\ngroup = []",
            r"user.group: there is no such setting; did you mean groups\?",
        ),
        ('driver = "caps"\n' + GOOD, "driver: 'caps' is a setting of the agent's own"),
        (GOOD + "[snadbox]\nport = 1", "snadbox: there is no such setting"),
        ('caps = "x"\nserver = "http://a"', "caps: 'x' must be a table"),
        (GOOD.replace("http:", "ftp:"), "server: .* is no address; did you mean http://farm"),
        (GOOD.replace("8487", "99999"), "server: .*Port out of range"),
        (
            GOOD.replace("http://farm.example:8487", "farm.example"),
            "server: .* is no address; did you mean http://farm.example",
        ),
        (GOOD.replace(UUID, "x"), "caps.UUID: must be a UUID"),
        (GOOD.replace(UUID, UUID.upper()), "caps.UUID: .* in lower case"),
        (GOOD + "cores = 4", "caps.cores: 4 must be a text"),
        ("name = 7\n" + GOOD, "name: 7 must be a text"),
        ('reach = "tunnel"\n' + GOOD, "reach: 'tunnel' is none of direct, outbound, auto"),
        ('relay_address = ":443"\n' + GOOD, "relay_address: ':443' must be HOST:PORT"),
        ('relay_address = "gate"\n' + GOOD, "relay_address: 'gate' is no address"),
        (f'name = "{"x" * 65}"\n' + GOOD, "name: .* must be one line"),
        ('name = "a\\nb"\n' + GOOD, "name: .* must be one line"),
        (
            'listen_address = "7175"\n' + GOOD,
            "listen_address: '7175' is no address; write HOST:PORT",
        ),
        ('ssh_address = ":0"\n' + GOOD, "ssh_address: ':0' must be"),
        ('boruta_address = "farm"\n' + ORIGINAL, "boruta_address: 'farm' is no address"),
        (
            'boruta_address = "old.example:7175"\n' + GOOD,
            "server: a board belongs to one farm",
        ),
        ('state_dir = "here"\n' + GOOD, "state_dir: 'here' must be a path"),
        (GOOD + '[user]\nname = "Root!"', "user.name: 'Root!' is no account's name"),
        (GOOD + "[user]\ngroups = [1]", "user.groups: 1 must be a text"),
    ],
)
def test_a_wrong_value_is_told_with_file_and_key(text: str, words: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as wrong:
        load(path)
    assert wrong.value.message.startswith(f"{path}: ")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "missing.conf")
