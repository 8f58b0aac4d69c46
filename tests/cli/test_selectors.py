"""Selectors on the command line."""

from tests.cli.stage import Boruta
from tests.client.serving import Served


def test_a_selector_reaches_the_server(boruta: Boruta, served: Served) -> None:
    served.board(1, "lab", {"board": "rpi4", "ram": "4"})
    boruta("new", "-s", "ram >= 2", "--strict", "-c", "board=rpi4")
    assert served.bodies("reqs/") == [
        {"Caps": {"board": "rpi4"}, "Priority": 8, "Selector": "ram >= 2", "Strict": True}
    ]
    assert "board=rpi4, ram >= 2" in boruta("ls").out


def test_lists_are_filtered_by_the_server(boruta: Boruta, served: Served) -> None:
    boruta("ls", "owner = ann, board")
    boruta("workers", "ram >= 2", "--state", "idle")
    filters = {call.path: call.json["Filter"] for call in served.heard if "list" in call.path}
    assert filters["reqs/list"]["States"] == ["IN PROGRESS"], "who holds the workers"
    assert filters["workers/list"] == {"States": ["IDLE"], "Selector": "ram >= 2"}
    lists = [body["Filter"] for body in served.bodies("reqs/list")]
    assert lists[0] == {"States": ["WAITING", "IN PROGRESS"], "Selector": "owner = ann, board"}


def test_an_error_points_at_its_place(boruta: Boruta) -> None:
    for arguments in (("new", "-s", "ram ? 2"), ("ls", "ram ? 2"), ("ssh", "-s", "ram ? 2")):
        outcome = boruta(*arguments, status=255 if arguments[0] == "ssh" else 1)
        assert outcome.out == ""
        assert outcome.err.splitlines() == [
            "boruta: Selector, column 5: '?' cannot stand here; write names and values with such "
            'characters in double quotes, like "a b"',
            "  ram ? 2",
            "      ^",
        ]


def test_other_errors_point_nowhere(boruta: Boruta) -> None:
    outcome = boruta("new", "-s", "ram >= 2", "-p", "8", "--deadline", "1s", status=0)
    assert "^" not in outcome.err
