"""What a marker asks for, in the words of selectors."""

from datetime import timedelta
from typing import Any

import pytest

from boruta_farm.pytest_plugin.demand import BoardDemand, DemandError, Keep, demand, read_span
from boruta_farm.selectors.selector import parse


@pytest.mark.parametrize(
    ("conditions", "selector"),
    [
        ({}, ""),
        ({"ram": ">= 4"}, "ram >= 4"),
        ({"ram": 4}, "ram = 4"),
        ({"arch": "arm64", "broken": False, "gpu": True}, "arch = arm64, !broken, gpu"),
        ({"voltage": "2.9..3.6"}, "voltage 2.9..3.6"),
        ({"arch": "!= x86"}, "arch != x86"),
        ({"board": "in (rpi3, rpi4)"}, "board in (rpi3, rpi4)"),
        ({"board": "not in (rpi3, rpi4)"}, "board not in (rpi3, rpi4)"),
        ({"serial": "has 115200"}, "serial has 115200"),
        ({"place": "indoors"}, "place = indoors"),
        ({"caps": {"device type": "a, b"}}, '"device type" = "a, b"'),
        ({"tools": "console, power"}, "tool.console, tool.power"),
    ],
)
def test_conditions_are_a_selector(conditions: dict[str, Any], selector: str) -> None:
    assert demand("rpi4", **conditions).selector == selector
    parse(selector)


def test_the_rest_is_kept() -> None:
    asked = demand("x", name="dut", scope="module", wait="90s", length=timedelta(1), priority=2)
    assert asked == BoardDemand(
        want="x",
        name="dut",
        keep=Keep.MODULE,
        wait=timedelta(seconds=90),
        length=timedelta(1),
        priority=2,
    )
    assert str(demand("rpi4", ram=">= 4")) == "rpi4, ram >= 4"
    assert demand().want == "any"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"scope": "class"}, "none of test, module, session"),
        ({"wait": "soon"}, "wait='soon'"),
        ({"priority": 17}, "priority=17 is none: 1"),
    ],
)
def test_what_is_no_demand_says_so(given: dict[str, Any], words: str) -> None:
    with pytest.raises(DemandError, match=words):
        demand("rpi4", **given)


def test_nothing_is_no_board() -> None:
    with pytest.raises(DemandError, match="which board"):
        demand(" ")
    assert read_span("--boruta-wait", "2m") == timedelta(minutes=2)
