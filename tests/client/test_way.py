"""What ssh is told of each way, and what it is never told."""

import sys
from pathlib import Path

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.job_sign_in import JobSignIn
from boruta_farm.client.openssh import command_line, session_files
from boruta_farm.client.way import DIRECT, door_way, https_way
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.model.worker import AccessInfo

ACCESS = AccessInfo(
    ip="farm.example", port=20001, key="KEY", username="boruta-user", host_key="ssh-ed25519 AAAA"
)
TOKEN = "boruta_p_0123456789ab_abcdefghijklmnopqrstuvwxyz"


def test_the_boards_own_port_needs_no_command() -> None:
    with session_files(ACCESS, None, DIRECT) as files:
        assert "ProxyCommand" not in " ".join(command_line("ssh", ACCESS, files))
        assert not files.environment


def test_a_token_is_in_the_environment_and_on_no_command_line(tmp_path: Path) -> None:
    config = ClientConfig(
        server="https://farm.example", token=TOKEN, ca_file=tmp_path / "ca", agent="tests"
    )
    way = https_way(config, 42)
    with session_files(ACCESS, None, way) as files:
        words = command_line("ssh", ACCESS, files)
        told = [word for word in words if word.startswith("ProxyCommand=")]
        assert told == [f"ProxyCommand={sys.executable} -P -m boruta_farm.client.tunnel 42"]
        assert TOKEN not in " ".join(words)
        assert TOKEN not in repr(way) + repr(files)
        assert files.environment == {
            "BORUTA_SERVER": "https://farm.example",
            "BORUTA_TOKEN": TOKEN,
            "BORUTA_CA_FILE": str(tmp_path / "ca"),
            "BORUTA_AGENT": "tests",
        }


def test_the_token_is_the_one_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    job = JobSignIn("https://farm.example", {})
    way = https_way(ClientConfig(server="https://farm.example", job=job), 42)
    assert "BORUTA_TOKEN" not in way.environment
    for token in ("one", "two"):
        monkeypatch.setattr(job, "_token", token)
        assert way.environment["BORUTA_TOKEN"] == token


def test_the_door_is_asked_for_the_request_and_its_key_is_pinned() -> None:
    place = FrontDoorPlace(port=8022, key="ssh-ed25519 DOOR")
    with session_files(ACCESS, None, door_way("/usr/bin/ssh", "farm.example", place, 42)) as files:
        assert files.proxy is not None
        assert files.known_hosts is not None
        assert files.proxy.endswith(" -p 8022 farm.example connect r42")
        assert "StrictHostKeyChecking=yes" in files.proxy
        pinned = files.known_hosts.with_name("door")
        assert str(pinned) in files.proxy
        assert pinned.read_text() == "[farm.example]:8022 ssh-ed25519 DOOR\n"


def test_what_ssh_would_take_for_a_token_of_its_own_is_doubled() -> None:
    place = FrontDoorPlace(port=22, key="ssh-ed25519 DOOR")
    way = door_way("/opt/100%/ssh", "farm", place, 1)
    assert (way.proxy_command() or "").startswith("/opt/100%%/ssh ")
