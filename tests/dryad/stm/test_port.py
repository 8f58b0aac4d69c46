import asyncio
import fcntl
import os
import termios
from pathlib import Path

import pytest

from boruta_farm.dryad.stm.errors import PortError
from boruta_farm.dryad.stm.port import SerialPort
from boruta_farm.testing.stm_ports import PseudoTerminal


async def read_all(port: SerialPort, wanted: bytes) -> bytes:
    received = b""
    async with asyncio.timeout(60):
        while len(received) < len(wanted):
            received += await port.read()
    return received


async def test_the_line_is_set_up_raw_whatever_it_was() -> None:
    with PseudoTerminal() as terminal:
        before = termios.tcgetattr(terminal._slave)
        before[0] |= termios.IXON | termios.ICRNL
        before[1] |= termios.OPOST | termios.ONLCR
        before[2] |= termios.CSTOPB
        before[3] |= termios.ECHO | termios.ICANON | termios.ISIG
        before[4:6] = [termios.B9600, termios.B9600]
        before[6][termios.VMIN], before[6][termios.VTIME] = 0, 5
        termios.tcsetattr(terminal._slave, termios.TCSANOW, before)
        port = SerialPort(terminal.path)
        # Nothing is left that a line discipline would change or act upon.
        flags_in, flags_out, control, local, speed_in, speed_out, characters = termios.tcgetattr(
            port._descriptor
        )
        port.close()
    assert not flags_in & (termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR)
    assert not flags_in & (termios.IGNCR | termios.ISTRIP | termios.PARMRK | termios.IGNBRK)
    assert not flags_out & termios.OPOST
    assert not local & (termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    assert (speed_in, speed_out) == (termios.B115200, termios.B115200)
    assert control & termios.CSIZE == termios.CS8
    assert not control & (termios.PARENB | termios.CSTOPB | termios.CRTSCTS)
    assert characters[termios.VMIN] == 1
    assert characters[termios.VTIME] == 0


async def test_bytes_go_both_ways_unchanged() -> None:
    everything = bytes(range(256))
    with PseudoTerminal() as terminal:
        terminal.firmware.silent = True
        port = SerialPort(terminal.path)
        terminal.deliver(everything)
        assert await read_all(port, everything) == everything
        assert port.read_waiting() == b""
        terminal.firmware.silent = False
        await port.write(b"version\n")
        spoken = b"version\n\rMuxPi firmware v1.0\r\nOK\r\n"
        assert await read_all(port, spoken) == spoken
        port.close()


async def test_reading_waits_for_bytes() -> None:
    with PseudoTerminal() as terminal:
        port = SerialPort(terminal.path)
        reading = asyncio.create_task(port.read())
        asyncio.get_running_loop().call_soon(terminal.deliver, b"x")
        async with asyncio.timeout(60):
            assert await reading == b"x"
        port.close()


async def test_a_line_that_is_full_is_waited_for() -> None:
    with PseudoTerminal() as terminal:
        port = SerialPort(terminal.path)
        async with asyncio.timeout(60):
            await port.write(b" " * 100_000 + b"\nversion\n")
            while terminal.firmware.commands != ["version"]:
                await port.read()
        port.close()


async def test_what_came_before_opening_is_dropped() -> None:
    with PseudoTerminal() as terminal:
        terminal.deliver(b"left over")
        port = SerialPort(terminal.path)
        assert port.read_waiting() == b""
        port.close()


async def test_one_process_has_the_line_at_a_time() -> None:
    with PseudoTerminal() as terminal:
        first = SerialPort(terminal.path)
        # Root opens it all the same and meets the lock, others do not even get so far.
        with pytest.raises(PortError, match="in use by another process"):
            SerialPort(terminal.path)
        first.close()
        SerialPort(terminal.path).close()


async def test_exclusive_use_ends_with_us() -> None:
    with PseudoTerminal() as terminal:
        SerialPort(terminal.path).close()
        descriptor = os.open(terminal.path, os.O_RDWR | os.O_NOCTTY)
        exclusive = bytearray(4)
        fcntl.ioctl(descriptor, 0x80045440, exclusive)  # TIOCGEXCL
        os.close(descriptor)
        assert exclusive == bytes(4)


async def test_a_device_that_goes_away_is_told_to_who_waits() -> None:
    with PseudoTerminal() as terminal:
        port = SerialPort(terminal.path)
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        terminal.close()
        async with asyncio.timeout(60):
            with pytest.raises(PortError, match=f"lost the serial line {terminal.path}"):
                await reading
        with pytest.raises(PortError, match="lost the serial line"):
            await port.write(b"version\n")
        port.close()


async def test_closing_wakes_who_waits_and_is_final() -> None:
    with PseudoTerminal() as terminal:
        port = SerialPort(terminal.path)
        reading = asyncio.create_task(port.read())
        await asyncio.sleep(0)
        port.close()
        with pytest.raises(PortError, match="was closed"):
            await reading
        with pytest.raises(PortError, match="was closed"):
            port.read_waiting()
        with pytest.raises(PortError, match="was closed"):
            await port.write(b"x")
        port.close()


async def test_a_cancelled_reader_leaves_the_line_usable() -> None:
    with PseudoTerminal() as terminal:
        port = SerialPort(terminal.path)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await port.read()
        terminal.deliver(b"x")
        async with asyncio.timeout(60):
            assert await port.read() == b"x"
        port.close()


def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PortError, match=r"cannot open .*/ttyS2: No such file"):
        SerialPort(tmp_path / "ttyS2")


def test_a_file_is_no_line(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(PortError, match="is no serial line"):
        SerialPort(path)
    assert sorted(Path("/proc/self/fd").iterdir()) == before
