"""Threat: a session makes its own processes slow to look at, and its end waits behind the look.

Half a million open files in each of a thousand processes took the helper minutes to read, three
seconds after three seconds; megabytes of arguments in each as long. Counted here, not timed.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from boruta_farm.dryad.proc.connections import held_from
from boruta_farm.dryad.proc.processes import (
    describe_process,
    list_processes,
    read_command_line,
    read_environment,
)

WAITS = (sys.executable, "-c", "import sys; sys.stdin.read()")
MOST = 64 * 1024


@pytest.fixture
def talkative() -> Iterator[int]:
    """Return a process whose words and environment are large."""
    words = [str(number) * 10_000 for number in range(1, 10)]
    environment = {**os.environ, **{f"LARGE_{word[:1]}": word for word in words}}
    with subprocess.Popen((*WAITS, *words), stdin=subprocess.PIPE, env=environment) as process:
        yield process.pid
        process.communicate()


def test_of_words_and_environment_only_so_much_is_read(talkative: int) -> None:
    assert len(read_command_line(talkative)) <= MOST
    assert sum(len(entry) + 1 for entry in read_environment(talkative)) <= MOST + 1
    assert describe_process(list_processes()[talkative]).startswith(sys.executable)


def test_of_the_open_files_of_each_process_only_the_first_are_looked_at() -> None:
    with ExitStack() as stack:
        service = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        client = stack.enter_context(socket.create_connection(service.getsockname()))
        accepted = stack.enter_context(service.accept()[0])
        for number, counted in ((5, True), (500, False)):
            os.dup2(accepted.fileno(), number + 300)
            handle = number + 300
            script = (
                "import os, sys;"
                f"os.dup2({handle}, {number});"
                f"os.close({handle});"
                f"[os.dup2(0, n) for n in range(3, {number})];"
                "os.write(1, b'r'); sys.stdin.read()"
            )
            with subprocess.Popen(
                (sys.executable, "-c", script),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(handle,),
            ) as session:
                os.close(handle)
                assert session.stdout is not None
                assert session.stdout.read(1) == b"r"
                found = held_from({os.geteuid()})
                session.communicate()
            assert (client.getsockname()[1] in found) is counted
