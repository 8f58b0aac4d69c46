"""Every implementation of the contracts, one after the other."""

import pytest

from tests.contracts import boards, enrolment
from tests.contracts.stage import OPENINGS, Opening


@pytest.fixture(params=list(OPENINGS))
def opening(request: pytest.FixtureRequest) -> Opening:
    """Return how one implementation's stage is opened."""
    return OPENINGS[request.param]


@pytest.fixture(params=list(boards.OPENINGS))
def board_opening(request: pytest.FixtureRequest) -> str:
    """Return the name of one implementation of FencedDryad."""
    name: str = request.param
    return name


@pytest.fixture(params=list(enrolment.OPENINGS))
def enrolment_opening(request: pytest.FixtureRequest) -> str:
    """Return the name of one implementation of Superviser."""
    name: str = request.param
    return name
