"""The command line against a farm on this machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from boruta_farm.cli.main import app
from tests.cli.served_people import Homes, ServedPeople, served_people
from tests.cli.stage import Boruta
from tests.client.serving import Served, serve


@pytest.fixture(scope="package")
def port() -> Iterator[Served]:
    """Return a server whose farm changes from test to test."""
    with serve() as running:
        yield running


@pytest.fixture
def served(port: Served) -> Served:
    """Return the server with a fresh farm."""
    port.start_over()
    return port


@pytest.fixture
def boruta(served: Served, tmp_path: Path, utc: None) -> Boruta:
    """Return the command, which talks to the farm and has a home of its own."""
    environment = {
        "BORUTA_SERVER": served.address,
        "BORUTA_TOKEN": "",
        "BORUTA_PROFILE": "",
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    return Boruta(app, CliRunner(env=environment))


@pytest.fixture
def people(tmp_path: Path) -> Iterator[ServedPeople]:
    with served_people(tmp_path / "farm") as served:
        yield served


@pytest.fixture
def homes(people: ServedPeople, tmp_path: Path) -> Homes:
    return Homes(people, tmp_path)


@pytest.fixture
def root(homes: Homes, people: ServedPeople) -> Boruta:
    """Return the command for an admin who has signed in."""
    boruta = homes("root")
    boruta("login", stdin=f"{people.first}\n")
    return boruta
