"""Asking whoever holds a board."""

from tests.cli.stage import Boruta
from tests.client.serving import Served


def test_the_holder_is_asked_and_show_tells_it(boruta: Boruta, served: Served) -> None:
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    boruta("new", "-c", "board=rpi4")
    outcome = boruta("nudge", "1")
    assert (outcome.out, outcome.err) == ("", "the holder of request 1 was asked\n")
    (told,) = [line for line in boruta("show", "1").lines if line.startswith("Asked")]
    assert told.endswith("whether it is still needed")
    again = boruta("nudge", "1", status=1).err
    assert "the holder of request 1 was asked just now" in again
    boruta("close", "1")
    assert "Asked" not in boruta("show", "1").out
    assert "it is DONE" in boruta("nudge", "1", status=1).err
