"""What listens everywhere is reached over both stacks, for real."""

import resource
import socket

import pytest

from boruta_farm.access import listening
from boruta_farm.access.listening import allow_many_files, listen
from boruta_farm.model.addresses import canonical

PLACES = {
    "": {"127.0.0.1", "::1"},
    "::": {"127.0.0.1", "::1"},
    "0.0.0.0": {"127.0.0.1"},
    "127.0.0.1": {"127.0.0.1"},
    "::1": {"::1"},
    "localhost": {"127.0.0.1"},
}


@pytest.mark.parametrize("host", PLACES)
def test_who_gets_in(host: str) -> None:
    with listen(host, 0, 4) as listener:
        listener.setblocking(True)
        port = listener.getsockname()[1]
        seen: set[str] = set()
        for address in ("127.0.0.1", "::1"):
            try:
                client = socket.create_connection((address, port), timeout=5)
            except ConnectionRefusedError:
                continue
            with client, listener.accept()[0] as caller:
                seen.add(canonical(caller.getpeername()[0]))
    assert seen == PLACES[host]


def test_without_ipv6_no_host_means_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    real = listening._bound

    def without(host: str, port: int, backlog: int) -> socket.socket:
        if ":" in host:
            raise OSError(97, "Address family not supported by protocol")
        return real(host, port, backlog)

    monkeypatch.setattr(listening, "_bound", without)
    with listen("", 0, 1) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"
    with pytest.raises(OSError, match="not supported"):
        listen("::", 0, 1)


def test_a_port_in_use_is_told() -> None:
    with listen("127.0.0.1", 0, 1) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1], 1)


def test_as_many_files_as_the_system_allows() -> None:
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before - 1, most))
    try:
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
