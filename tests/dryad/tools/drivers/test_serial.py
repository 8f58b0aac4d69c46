"""Where a serial port may be, and what is opened there."""

import importlib
import select
import socket
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.drivers.serial import SerialConsole, SerialSettings
from boruta_farm.dryad.tools.kinds.console import ConsolePort
from boruta_farm.dryad.tools.opening import open_toolbox
from boruta_farm.settings.table import SettingError
from tests.dryad.tools.benches import bench


def opened(folder: Path, **table: object) -> ConsoleTool:
    toolbox = open_toolbox({"uart": {"driver": "serial", **table}}, bench(folder))
    tool = toolbox.find("console").tool
    assert isinstance(tool, ConsoleTool)
    return tool


def open_port(port: str) -> ConsolePort:
    place = SerialConsole(SerialSettings(port=port)).place()
    module, _, name = place.opener.partition(":")
    made: ConsolePort = getattr(importlib.import_module(module), name)(**place.options)
    return made


def test_a_table_says_how_the_line_is_set(tmp_path: Path) -> None:
    tool = opened(tmp_path, port="/dev/ttyUSB0", baud=9600, parity="even", flow="rtscts", own=True)
    line = {"baud": 9600, "bits": 8, "parity": "even", "stop": 1, "flow": "rtscts"}
    assert tool.place().options == {"path": "/dev/ttyUSB0", **line}
    assert tool.device() == Path("/dev/ttyUSB0")
    far = opened(tmp_path, port="rfc2217://ser2net:2001")
    assert far.place().opener.endswith("rfc2217_port:open_rfc2217")
    assert far.place().options["host"] == "ser2net"
    assert far.device() is None


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"port": "ttyUSB0"}, r"uart\.port: 'ttyUSB0' is no port; write /dev/ttyUSB0, tcp://"),
        ({"port": "tcp://host"}, r"uart\.port: .* is no port"),
        ({"port": "tcp://host:99999"}, r"uart\.port: .* is no port"),
        ({"port": "unix://relative"}, r"uart\.port: .* is no port"),
        ({"port": "/dev/ttyS0", "parity": "odder"}, r"uart\.parity: 'odder' is none of none, even"),
        ({}, r"uart\.port: is missing"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, table: dict[str, object], told: str) -> None:
    with pytest.raises(SettingError) as caught:
        opened(tmp_path, **table)
    assert caught.value.key == told.split(":")[0].replace("\\", "")
    assert caught.match(told.partition(": ")[2])


def test_raw_tcp_and_unix_sockets_are_consoles_too(tmp_path: Path) -> None:
    path = tmp_path / "serial.sock"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as unix,
    ):
        unix.bind(str(path))
        unix.listen()
        host, number = tcp.getsockname()
        for listener, place in ((tcp, f"tcp://{host}:{number}"), (unix, f"unix://{path}")):
            port = open_port(place)
            connection, _ = listener.accept()
            port.write(b"boot\xff\r")
            assert connection.recv(100) == b"boot\xff\r"
            connection.close()
            select.select([port.fileno()], [], [], 5)
            with pytest.raises(OSError, match="closed at the other end"):
                port.read()
            port.close()
    with pytest.raises(FileNotFoundError):
        open_port(f"unix://{tmp_path}/none.sock")


def test_what_is_no_serial_port_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="No such file"):
        open_port(str(tmp_path / "none"))
    with pytest.raises(OSError, match=r"Could not configure|ioctl|no serial port"):
        open_port(str(tmp_path / "file"))
