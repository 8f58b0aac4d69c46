"""The block for ssh, as ssh itself reads it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from boruta_farm.client.ssh_config import CONFIG, INCLUDE, DoorBlock, door_line, install
from boruta_farm.model.errors import ConfigError

BLOCK = DoorBlock(host="farm.example", port=8022)


def test_only_names_of_the_farm_go_through_the_door(tmp_path: Path) -> None:
    if not shutil.which("ssh"):
        pytest.skip("openssh-client is missing")
    config = tmp_path / "config"
    identity = tmp_path / "id%h"
    config.write_text(DoorBlock(host="farm.example", port=8022, identity=identity).text())

    def read(host: str) -> dict[str, str]:
        printed = subprocess.run(
            ["ssh", "-G", "-F", str(config), host],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout
        return dict(line.split(" ", 1) for line in printed.splitlines() if " " in line)

    found = read("rpi4.farm")
    assert found["user"] == "boruta-user"
    assert found["proxycommand"].endswith("-p 8022 farm.example connect %h")
    assert f"-i {tmp_path}/id%%h " in found["proxycommand"]
    assert found["knownhostscommand"].endswith("-p 8022 farm.example known-hosts %H")
    assert "proxycommand" not in read("other.example")


def test_what_was_written_before_is_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / ".ssh"
    folder.mkdir()
    (folder / "config").write_text("Host mine\n")
    for port in (8022, 8023):
        block = DoorBlock(host="farm.example", port=port)
        main = install(folder, block.text(), door_line("farm.example", port, "ssh-ed25519 AAAA"))
    assert main.read_text() == f"{INCLUDE}\nHost mine\n"
    assert "-p 8023" in (folder / CONFIG).read_text()
    assert (folder / "boruta.known_hosts").read_text() == ("[farm.example]:8023 ssh-ed25519 AAAA\n")
    assert {path.name for path in folder.iterdir()} == {
        "config",
        "boruta.config",
        "boruta.known_hosts",
    }
    assert all(path.stat().st_mode & 0o77 == 0 for path in folder.iterdir())


def test_a_path_that_a_command_cannot_hold_is_refused() -> None:
    with pytest.raises(ConfigError, match="can have no blank"):
        DoorBlock(host="farm", port=22, identity=Path("/a b")).text()


def test_the_usual_port_is_not_told() -> None:
    assert door_line("farm", 22, "ssh-ed25519 AAAA") == "farm ssh-ed25519 AAAA"
