import pytest

from tests.cli.stage import Boruta
from tests.client.serving import Served


@pytest.fixture(autouse=True)
def farm(served: Served, boruta: Boruta) -> None:
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    served.board(2, "lab-rpi3", caps={"board": "rpi3"})
    boruta("new", "-c", "board=rpi4")
    boruta("new", "-c", "board=rpi4")
    boruta("close", "1")


def offered(boruta: Boruta, line: str) -> list[str]:
    """Return what bash is told when Tab is pressed at the end of a line."""
    words = line.split(" ")
    asked = {
        "_BORUTA_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    result = boruta.runner.invoke(boruta.app, [], env=asked, prog_name="boruta")
    return result.stdout.split()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("boruta worker show lab-rpi", ["lab-rpi3", "lab-rpi4"]),
        ("boruta worker idle lab-rpi4", ["lab-rpi4"]),
        ("boruta close ", ["2"]),
        ("boruta show ", ["2"]),
        ("boruta ssh ", ["2", "lab-rpi3", "lab-rpi4"]),
        ("boruta ssh -c board", ["board=rpi3", "board=rpi4"]),
        ("boruta --server http://127.0.0.1:9 close ", []),
    ],
)
def test_the_farm_is_asked_for_what_can_be_typed(
    boruta: Boruta, line: str, told: list[str]
) -> None:
    assert offered(boruta, line) == told


def test_no_board_puts_a_command_onto_the_line(boruta: Boruta, served: Served) -> None:
    served.board(3, "$(touch x)", caps={"board": "`id`", "os": "büro-12", "a;b": "c"})
    served.board(4, "a b", caps={"note": "x && y"})
    assert offered(boruta, "boruta ssh ") == ["2", "lab-rpi3", "lab-rpi4"]
    told = offered(boruta, "boruta ssh -c ")
    assert {"board=rpi3", "board=rpi4", "os=büro-12"} <= set(told)
    assert not set("".join(told)) & set("$`;&() \n")


def test_help_is_not_cut(boruta: Boruta) -> None:
    for verb in ((), ("worker",), ("user",)):
        shown = boruta(*verb, "--help").out
        assert "..." not in shown.partition("Commands:")[2]
        assert "\u2026" not in shown
