"""Every implementation of the contracts, one after the other."""

import pytest

from tests.contracts.stage import OPENINGS, Opening


@pytest.fixture(params=list(OPENINGS))
def opening(request: pytest.FixtureRequest) -> Opening:
    """Return how one implementation's stage is opened."""
    return OPENINGS[request.param]
