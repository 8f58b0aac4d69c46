"""The block for ssh and the door's key, by the command line."""

from pathlib import Path

import pytest

from boruta_farm.model.errors import NotFoundError
from tests.cli.stage import Boruta
from tests.client.serving import Served

OLDER = (200, {"Port": 8022, "HostKey": "ssh-ed25519 AAAA"})
"""What a server tells that knows no certificates."""
PLACE = (200, {**OLDER[1], "HostAuthority": "ssh-ed25519 CCCC"})


def test_the_block_names_the_server_and_its_door(boruta: Boruta, served: Served) -> None:
    served.answers["door"] = [PLACE, PLACE]
    assert "-p 8022 127.0.0.1 connect %h" in boruta("ssh-config").out
    assert boruta("known-hosts").out == (
        "[127.0.0.1]:8022 ssh-ed25519 AAAA\n@cert-authority *.farm ssh-ed25519 CCCC\n"
    )


def test_written_it_is_included_and_pins_the_door(
    boruta: Boruta, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    served.answers["door"] = [PLACE]
    assert "includes it: ssh rpi4.farm" in boruta("ssh-config", "--write").err
    written = (tmp_path / ".ssh/boruta.config").read_text()
    assert "StrictHostKeyChecking=yes" in written
    known = tmp_path / ".ssh/boruta.known_hosts"
    assert f"    UserKnownHostsFile /dev/null\n    GlobalKnownHostsFile {known}\n" in written
    assert "@cert-authority *.farm ssh-ed25519 CCCC\n" in known.read_text()


def test_a_server_that_knows_no_certificates_is_as_good(boruta: Boruta, served: Served) -> None:
    served.answers["door"] = [OLDER]
    assert boruta("known-hosts").out == "[127.0.0.1]:8022 ssh-ed25519 AAAA\n"


def test_a_farm_without_a_door_says_so(boruta: Boruta, served: Served) -> None:
    served.answers["door"] = [NotFoundError("this farm has no front door for ssh")]
    outcome = boruta("ssh-config", "--via", "door", status=1)
    assert "this farm has no front door for ssh" in outcome.err


def test_without_a_door_or_where_asked_it_is_the_servers_port(
    boruta: Boruta, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    served.answers["door"] = [NotFoundError("this farm has no front door for ssh")]
    block = boruta("ssh-config").out
    assert " proxy %h\n" in block
    assert " proxy --host-key %H\n" in block
    assert boruta("ssh-config", "--via", "https", "--write").err
    assert (tmp_path / ".ssh/boruta.config").read_text() == block
    assert "a port of its own" in boruta("ssh-config", "--via", "tunnel", status=2).err


def test_without_a_home_the_block_is_printed_but_not_written(
    boruta: Boruta, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "expanduser", no_home)
    served.answers["door"] = [PLACE, PLACE]
    assert "-p 8022 127.0.0.1 connect %h" in boruta("ssh-config").out
    refused = boruta("ssh-config", "--write", status=1)
    assert "--write: '~/.ssh' has no meaning here" in refused.err


def no_home(_path: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")
