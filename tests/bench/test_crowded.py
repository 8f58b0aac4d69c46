"""The measures that take minutes, for some seconds: they still fit the server, and tell sense."""

import re
from pathlib import Path

import pytest
from bench.crowded import load
from bench.lab import Lab, SkippedError
from bench.scene import Crowd

pytestmark = pytest.mark.prove


def test_a_small_crowd(tmp_path: Path) -> None:
    lab = Lab.equipped(tmp_path)
    try:
        lab.own_load.name  # noqa: B018 - it tells where it is missing
    except SkippedError as reason:
        pytest.skip(str(reason))
    calls, memory, tunnels = load(lab, Crowd(agents=4, tunnels=2, queued=20), 20, 1)
    # A call that fails would have ended the measure.
    assert re.match(r"[1-9]\d*/s, p50 ", calls.value)
    assert "(3 processes)" in memory.name
    assert memory.met
    assert tunnels.value == "2 of 2"
