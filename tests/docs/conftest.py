"""What tests of the documentation share."""

import time
from collections.abc import Iterator

import pytest


@pytest.fixture
def utc_zone() -> Iterator[None]:
    """Let the local zone be UTC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
