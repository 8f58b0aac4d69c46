"""Ports that lead to a board's supervisor; with a stand-in for ssh where the real one is slow."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from boruta_farm.client.forwarding import ForwardError, forwarding

LISTENS = """
import os, signal, sys
open(sys.argv[1], "w").write(str(os.getpid()))
print(flush=True)
signal.pause()
"""


async def test_it_is_there_when_ssh_says_so_and_gone_with_the_block(tmp_path: Path) -> None:
    told: list[Sequence[str]] = []

    def line(options: Sequence[str]) -> Sequence[str]:
        told.append(options)
        return (sys.executable, "-c", LISTENS, str(tmp_path / "pid"))

    async with forwarding(line, 0, "fe80::1", 80) as port:
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert told[0][-2:] == ("-L", f"127.0.0.1:{port}:[fe80::1]:80")


async def test_what_ssh_says_of_a_port_that_is_taken_is_told() -> None:
    def line(options: Sequence[str]) -> Sequence[str]:
        return ("sh", "-c", "echo 'bind: Address already in use' >&2; exit 255")

    with pytest.raises(ForwardError, match=r"127\.0\.0\.1:8080:localhost:80 .*already in use"):
        async with forwarding(line, 8080, "localhost", 80):
            pass


async def test_what_is_no_port_is_refused() -> None:
    with pytest.raises(ForwardError, match="70000 is no port"):
        async with forwarding(lambda options: options, 0, "localhost", 70000):
            pass
