import json

import pytest

from tests.cli.stage import Boruta


@pytest.mark.parametrize("verb", ["show", "adopt"])
def test_the_farms_time_and_its_machines(boruta: Boruta, verb: str) -> None:
    told = ["Farm     2026-11-23 12:00:00 UTC", "Machine  2026-11-23 12:00:00 UTC"]
    assert boruta("clock", verb).lines == told
    record = json.loads(boruta("clock", verb, "-o", "json").out)
    noon = "2026-11-23T12:00:00Z"
    assert record == {"Time": noon, "Machine": noon, "Words": None}
