"""What is told of long acts: a line that moves before a terminal, else one now and then."""

import sys
import time

import pytest

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.options import options
from boruta_farm.dryad.dut.progress import ProgressLine, size


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


def note(phase: str, done: int, total: int | None) -> dict[str, object]:
    return {"phase": phase, "bytes": done, "total": total}


def test_before_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    told = ProgressLine()
    told.show(note("write", 0, 100_000_000))
    clock.now += 2
    told.show(note("write", 40_000_000, 100_000_000))
    told.clear()
    lines = capsys.readouterr().err.split("\r")
    assert lines[2] == "write    40 %  40.0 MB  20.0 MB/s  0:03 left"
    assert lines[-2].isspace()


def test_without_one_a_line_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    told = ProgressLine()
    for seconds in range(12):
        clock.now = 1000.0 + seconds
        told.show(note("write", seconds * 1_000_000, None))
    told.show(note("sync", 12_000_000, None))
    clock.now += 5
    told.show(note("verify", 1_000_000, 12_000_000))
    told.clear()
    assert capsys.readouterr().err.splitlines() == [
        "write   5.0 MB  1.0 MB/s",
        "write   10.0 MB  1.0 MB/s",
        "verify    8 %  1.0 MB",
    ]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2e15, "2000.0 TB")],
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


def test_options() -> None:
    words = ["a", "--x", "--y", "1", "--y=2", "--", "--z"]
    assert options(words, ("--x",), ("--y",)) == (["a", "--z"], {"--x": "", "--y": "2"})
    with pytest.raises(UsageError, match="there is no option --x=1; known are --x, --y"):
        options(["--x=1"], ("--x",), ("--y",))
