"""The tunnels of farms that live for a moment do not collide."""

import socket

import pytest

from boruta_farm.model.errors import BorutaError
from boruta_farm.testing import ports


def test_ports_that_another_farm_has_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "TUNNEL_PORTS", range(100, 106, 3))
    monkeypatch.setattr(ports, "_is_free", lambda port: port != 101)
    assert {ports.some_ports() for _ in range(20)} == {(103, 105)}


def test_without_ports_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        monkeypatch.setattr(ports, "TUNNEL_PORTS", range(port, port + 1, 1))
        with pytest.raises(BorutaError, match="no 1 ports in a row are free"):
            ports.some_ports()
