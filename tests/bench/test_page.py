"""The measure of the page, of a few boards for a moment: it still fits server and page."""

import re
from pathlib import Path

import pytest
from bench.lab import Lab, SkippedError
from bench.page import measure

pytestmark = pytest.mark.prove


def test_a_small_farm_in_a_slow_browser(tmp_path: Path) -> None:
    lab = Lab.equipped(tmp_path)
    try:
        lab.own_load.name  # noqa: B018 - it tells where it is missing
        paint, size, change, viewers = measure(lab, boards=20, loads=1, changes=2, seconds=0.5)
    except SkippedError as reason:
        pytest.skip(str(reason))
    assert re.match(r"\d+\.\d\d s, all boards there \d+\.\d\d s", paint.value)
    assert size.met, size.value
    assert re.match(r"p50 \d+ ms", change.value)
    assert viewers.value.endswith("of a core")
