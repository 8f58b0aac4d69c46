"""A relay's log has bounds, and is nobody else's to read, however often it is begun anew."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.access.relaylog import LOG, STDERR, RelayLog


@pytest.fixture
def stderr() -> Iterator[None]:
    """Give standard error back."""
    kept = os.dup(STDERR)
    yield
    os.dup2(kept, STDERR)
    os.close(kept)


def test_it_takes_so_much_of_the_disk_and_no_more(tmp_path: Path, stderr: None) -> None:
    before = os.umask(0)
    log = RelayLog(tmp_path, largest=4096)
    try:
        for number in range(1000):
            line = f"192.0.2.1 said nothing ({number})"
            log.emit(logging.LogRecord("relay", logging.INFO, "", 0, line, (), None))
        os.write(STDERR, b"Traceback\n")
    finally:
        log.close()
        os.umask(before)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [LOG, f"{LOG}.1"]
    assert all(file.stat().st_size <= 4096 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert files[0].read_text().endswith("said nothing (999)\nTraceback\n")


def test_it_goes_on_where_an_earlier_one_ended(tmp_path: Path, stderr: None) -> None:
    (tmp_path / LOG).write_text("before\n")
    log = RelayLog(tmp_path)
    log.emit(logging.LogRecord("relay", logging.INFO, "", 0, "after", (), None))
    log.close()
    assert (tmp_path / LOG).read_text() == "before\nafter\n"
