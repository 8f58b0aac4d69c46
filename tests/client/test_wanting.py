"""What a want adds to a request."""

from boruta_farm import borrow
from boruta_farm.client.wanting import asking
from boruta_farm.model.request import NewRequest
from boruta_farm.selectors.wanted import Meant
from tests.client.serving import Served


def test_a_want_is_asked_for_beside_the_rest() -> None:
    new = NewRequest(priority=8, caps={"board": "rpi4"}, selector="ram >= 2")
    found = Meant(caps={"board": "rpi4", "arch": "arm64"}, selector="!broken")
    asked = asking(new, found)
    assert asked.caps == {"board": "rpi4", "arch": "arm64"}
    assert asked.selector == "ram >= 2, !broken"


def test_what_contradicts_is_left_for_the_farm_to_refuse() -> None:
    new = NewRequest(priority=8, caps={"board": "rpi4"})
    assert asking(new, Meant(caps={"board": "rpi3"})).selector == "board = rpi3"


def test_a_text_in_place_of_capabilities(served: Served) -> None:
    served.board(1, "lab-rpi4", {"board": "rpi4", "ram": "4"})
    with borrow("RPI4+ram.ge.2", server=served.address) as lease:
        assert served.request(lease.request_id).caps == {"board": "rpi4"}
        assert served.request(lease.request_id).selector == "ram >= 2"
