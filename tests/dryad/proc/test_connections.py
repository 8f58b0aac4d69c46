"""Whose processes hold the connections that somebody made to a service here."""

import os
import socket
import subprocess
import sys

import pytest

from boruta_farm.dryad.proc.connections import held_from

WAITS = (sys.executable, "-c", "import sys; sys.stdin.read()")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_connection_counts_once_a_process_of_the_user_holds_it(host: str) -> None:
    mine = {os.geteuid()}
    with (
        socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ) as service,
        socket.create_connection(service.getsockname()[:2]) as client,
        service.accept()[0] as accepted,
    ):
        far = client.getsockname()[1]
        assert far not in held_from(mine), "this very process does not count"
        handle = accepted.fileno()
        with subprocess.Popen(WAITS, stdin=subprocess.PIPE, pass_fds=(handle,)) as session:
            assert far in held_from(mine)
            assert far not in held_from({os.geteuid() + 1})
            session.communicate()
        assert far not in held_from(mine)


def test_what_the_user_connects_himself_is_no_session() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as service,
        socket.create_connection(service.getsockname()) as client,
        service.accept()[0],
    ):
        handle = client.fileno()
        with subprocess.Popen(WAITS, stdin=subprocess.PIPE, pass_fds=(handle,)) as process:
            assert service.getsockname()[1] not in held_from({os.geteuid()})
            process.communicate()
