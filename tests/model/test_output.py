"""Output that cannot be written is told in one line, however Python buffers it."""

import subprocess
import sys

import pytest

TOLD = {
    ">&-": (1, "Bad file descriptor"),
    ">/dev/full": (1, "No space left on device"),
}
PROGRAM = """
import sys
from boruta_farm.model.output import output_told
with output_told("boruta"):
    print("x" * int(sys.argv[1]))
    print("y")
"""


def outcome(where: str, size: int, *options: str, program: str = PROGRAM) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {where}', sys.executable, *options, "-c", program, str(size)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("options", [[], ["-u"]])
@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("where", TOLD)
def test_it_is_told_in_one_line(where: str, size: int, options: list[str]) -> None:
    status, words = TOLD[where]
    told = f"boruta: the output could not be written: {words}\n"
    assert outcome(where, size, *options) == (status, told)


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_who_has_read_enough_is_told_nothing(options: list[str]) -> None:
    _, told = outcome("| head -c 1", 1_000_000, *options)
    assert told == ""


def test_nothing_is_told_where_nothing_can_be_written() -> None:
    assert outcome(">/dev/full 2>/dev/full", 1) == (1, "")


def test_other_errors_stay_what_they_are() -> None:
    other = PROGRAM.replace('print("y")', 'open("/nowhere/x")')
    status, told = outcome("", 1, program=other)
    assert status == 1
    assert "FileNotFoundError" in told
