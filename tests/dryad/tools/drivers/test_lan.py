"""The device's ports are reached by name, and what is published is gone with the job."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.lan import DRIVER, Lan
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import opened


def lan(place: Path, **content: object) -> Lan:
    tool = opened(DRIVER, place, **content)
    assert isinstance(tool, Lan)
    return tool


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


async def test_ports(tmp_path: Path) -> None:
    def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-device\r\n")
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    place = f"root@127.0.0.1:{server.sockets[0].getsockname()[1]}"
    tool = lan(tmp_path, ports={"ssh": place})
    assert tool.ports() == {"ssh": place}
    reader, writer = await tool.connect("ssh")
    assert await reader.readline() == b"SSH-2.0-device\r\n"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    with pytest.raises(BoardError, match=r"^ssh: the device does not answer at 127.0.0.1: "):
        await tool.connect("ssh")


async def test_files(tmp_path: Path) -> None:
    (tmp_path / "pxelinux.0").write_bytes(b"the lab's own")
    tool = lan(tmp_path, folder=str(tmp_path), address="tftp://10.0.0.1/", largest=1)
    address = await tool.publish("zImage", content(b"one", b"two"))
    assert address == "tftp://10.0.0.1/session/zImage"
    assert (tmp_path / "session" / "zImage").read_bytes() == b"onetwo"
    with pytest.raises(BoardError, match="rootfs is larger than the room"):
        await tool.publish("rootfs", content(bytes(1 << 20), b"x"))
    await tool.publish("zImage", content(bytes((1 << 20) - 3)))
    assert names(tmp_path / "session") == ["zImage"]
    # Another agent, after a crash, knows of nothing that was published.
    again = lan(tmp_path, folder=str(tmp_path))
    assert await again.withdraw() == ("zImage",)
    assert names(tmp_path) == ["pxelinux.0"]
    assert await again.withdraw() == ()
    with pytest.raises(BoardError, match="nothing is served to this device"):
        await lan(tmp_path).publish("x", content())


@pytest.mark.parametrize(
    ("ports", "complaint"),
    [
        ({"ssh": "10.0.0.7"}, "ports.ssh: '10.0.0.7' must be HOST:PORT, such as 192.168.69.10:22"),
        ({"a b": "10.0.0.7:22"}, "no port can be called so; use lower-case letters and digits"),
    ],
)
def test_wrong_tables(tmp_path: Path, ports: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        lan(tmp_path, ports=ports)
    assert complaint in wrong.value.message
