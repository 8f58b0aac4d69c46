"""The block for ssh and the door's key, by the command line."""

from pathlib import Path

import pytest

from boruta_farm.model.errors import NotFoundError
from tests.cli.stage import Boruta
from tests.client.serving import Served

PLACE = (200, {"Port": 8022, "HostKey": "ssh-ed25519 AAAA"})


def test_the_block_names_the_server_and_its_door(boruta: Boruta, served: Served) -> None:
    served.answers["door"] = [PLACE, PLACE]
    assert "-p 8022 127.0.0.1 connect %h" in boruta("ssh-config").out
    assert boruta("known-hosts").out == "[127.0.0.1]:8022 ssh-ed25519 AAAA\n"


def test_written_it_is_included_and_pins_the_door(
    boruta: Boruta, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    served.answers["door"] = [PLACE]
    assert "includes it: ssh rpi4.farm" in boruta("ssh-config", "--write").err
    assert "StrictHostKeyChecking=yes" in (tmp_path / ".ssh/boruta.config").read_text()


def test_a_farm_without_a_door_says_so(boruta: Boruta, served: Served) -> None:
    served.answers["door"] = [NotFoundError("this farm has no front door for ssh")]
    outcome = boruta("ssh-config", status=1)
    assert "this farm has no front door for ssh" in outcome.err
