"""Screens, USB devices and ports, as people write for them."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.tools.drivers.lan import Lan, LanSettings
from tests.dryad.tools.benches import Bus, Screen, Session, fit, served


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Return the port of a device that sends back what it gets, in capitals."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()


@pytest.fixture
async def session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bus: Bus, port: int
) -> AsyncIterator[Session]:
    monkeypatch.chdir(tmp_path)
    lan = Lan(LanSettings(ports={"ssh": f"admin@127.0.0.1:{port}", "gdb": "127.0.0.1:1"}))
    more = (fit("hdmi", Screen()), fit("usb", bus), fit("net", lan))
    async with served(tmp_path, monkeypatch, *more) as made:
        yield made


async def test_a_picture_goes_into_a_file_or_to_the_output(
    session: Session, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert await session.dut("screen", "snap") == Status.DONE
    assert await session.dut("screen", "snap", "hdmi", "-") == Status.DONE
    assert capfdbinary.readouterr().out == b"picturepicture"
    assert await session.dut("screen", "snap", "shot.png") == Status.DONE
    assert (tmp_path / "shot.png").read_bytes() == b"picture"
    assert await session.dut("screen", "snap", "none/shot.png") == Status.FAILED
    assert b"none/shot.png cannot be written: No such file" in capfdbinary.readouterr().err
    assert await session.dut("--json", "screen", "snap") == Status.DONE
    name = json.loads(capfdbinary.readouterr().out)["file"]
    assert name.startswith("screen-2")
    assert (tmp_path / name).read_bytes() == b"picture"
    assert await session.dut("screen", "watch") == Status.DONE
    assert capfdbinary.readouterr().out == b"012"
    assert await session.dut("screen", "film") == Status.USAGE


async def test_usb(session: Session, bus: Bus, capsys: pytest.CaptureFixture[str]) -> None:
    assert await session.dut("usb", "export", "1-2") == Status.DONE
    assert await session.dut("usb") == Status.DONE
    assert capsys.readouterr().out == (
        "1-1       18d1:4ee7  Pixel\n1-2       18d1:4ee7  Pixel  exported\n"
    )
    assert await session.dut("usb", "export", "2-1") == Status.USAGE
    assert "there is no device '2-1', only 1-1, 1-2" in capsys.readouterr().err
    assert await session.service.toolbox.find("usb").reset()
    assert bus.exported == set()


async def test_a_port_is_joined_to_input_and_output(
    session: Session,
    port: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert await session.dut("net") == Status.DONE
    listed = f"ssh       admin@127.0.0.1:{port}\ngdb       127.0.0.1:1\n"
    assert capfdbinary.readouterr().out.decode() == listed
    (tmp_path / "in").write_bytes(b"hello " * 50000)
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert await session.dut("net", "ssh") == Status.DONE
        assert capfdbinary.readouterr().out == b"HELLO " * 50000
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert await session.dut("net", "gdb") == Status.FAILED
        assert await session.dut("net", "adb") == Status.USAGE
    told = capfdbinary.readouterr().err.decode().splitlines()
    assert told[0].startswith("dut: tool net: gdb: the device does not answer at 127.0.0.1: ")
    assert told[1] == "dut: there is no port 'adb', only ssh, gdb"


async def test_ssh_goes_through_dut(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    become: list[list[str]] = []
    monkeypatch.setattr(os, "execvp", lambda _, words: become.append(words))
    await session.dut("ssh", "uname", "-a")
    [command] = become
    assert command[-3:] == ["admin@dut", "uname", "-a"]
    assert "ProxyCommand=dut net ssh" in command
