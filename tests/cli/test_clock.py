import json
import re

import pytest

from tests.cli.stage import Boruta

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@pytest.mark.parametrize("verb", ["show", "adopt"])
def test_the_farms_time_and_its_machines(boruta: Boruta, verb: str) -> None:
    farm, machine, *notes = boruta("clock", verb).lines
    assert re.fullmatch(rf"Farm     {MOMENT}", farm)
    assert re.fullmatch(rf"Machine  {MOMENT}", machine)
    by = r"(?!-0\.0)[+-]\d\.\d s"
    adopted = [rf"Note     the farm's time was set by {by} at {MOMENT} \(an admin's word\)"]
    for note, told in zip(notes, adopted if verb == "adopt" else [], strict=True):
        assert re.fullmatch(told, note)
    record = json.loads(boruta("clock", verb, "-o", "json").out)
    assert record.keys() == {"Time", "Machine", "Words"}
    assert (record["Words"] is None) is (verb == "show")
