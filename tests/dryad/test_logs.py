import logging
import sys

from boruta_farm.dryad.logs import LineFormatter, one_line


def line(message: str, uuid: str = "", error: bool = False) -> str:
    try:
        raise ValueError("inside")
    except ValueError:
        info = sys.exc_info() if error else None
    record = logging.LogRecord("x", logging.INFO, "f", 1, message, (), info)
    return LineFormatter(uuid).format(record)


def test_a_line_names_time_level_and_board() -> None:
    moment, level, board, *words = line("epoch 3: granted", "uuid-1").split()
    assert moment.endswith("+00:00")
    assert (level, board) == ("INFO", "uuid-1")
    assert words == ["epoch", "3:", "granted"]


def test_nobody_forges_a_line() -> None:
    assert "\n" not in line("a\nERROR b\x1b[31m")
    assert one_line("a\nb\x1b\ud800ü") == "a\\nb\\x1b\\ud800ü"


def test_a_fault_shows_its_traceback() -> None:
    assert "ValueError: inside" in line("failed", error=True)
