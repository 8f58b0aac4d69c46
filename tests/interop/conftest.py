"""The Go programs, each built once."""

from pathlib import Path

import pytest
from tests.interop.gobuild import build


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where programs are built; they share what Go compiles of its library."""
    return tmp_path_factory.mktemp("go")


@pytest.fixture(scope="session")
def peer(workshop: Path) -> Path:
    """Return the program that answers and makes calls of every method."""
    return build("gorpc", workshop)


@pytest.fixture(scope="session")
def godryad(workshop: Path) -> Path:
    """Return the program that plays an original board."""
    return build("godryad", workshop)


@pytest.fixture(scope="session")
def goclient(workshop: Path) -> Path:
    """Return the program that plays the original's clients."""
    return build("goclient", workshop)
