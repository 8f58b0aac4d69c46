"""Ports and files of a device's network behind commands of the lab's."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.proc.processes import read_process
from boruta_farm.dryad.tools.drivers import exec_net
from boruta_farm.dryad.tools.drivers.exec import DRIVER
from boruta_farm.dryad.tools.drivers.exec_net import ExecNet
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.drivers.sandboxes import gone
from tests.dryad.tools.benches import fit, served
from tests.dryad.tools.console.lines import until
from tests.dryad.tools.drivers.stages import opened, program


@pytest.fixture(autouse=True)
async def reaped() -> AsyncIterator[None]:
    """Programs are waited for by tasks of their own, which the end of a test's loop cuts short."""
    yield
    if watched := set(exec_net._WATCHED):
        _, left = await asyncio.wait(watched, timeout=30)
        assert not left


def net(folder: Path, text: str, **more: object) -> ExecNet:
    """Return a tool whose connections a script answers."""
    table = {"kind": "net", "ports": {"ssh": "root@dut", "gdb": "3333"}, **more}
    tool = opened(DRIVER, folder, connect=program(folder, "connect", text), **table)
    assert isinstance(tool, ExecNet)
    return tool


async def content(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def never() -> AsyncIterator[bytes]:
    """Send a little, and wait."""
    yield b"x"
    await asyncio.get_running_loop().create_future()


async def test_a_connection_is_a_program_that_is_told_the_port(tmp_path: Path) -> None:
    tool = net(tmp_path, 'echo "$1 of $BORUTA_NAME"; read line; echo "heard $line"')
    assert tool.ports() == {"ssh": "root@dut", "gdb": "3333"}
    reader, writer = await tool.connect("gdb")
    assert await reader.readline() == b"gdb of rpi4-7\n"
    writer.write(b"hello\n")
    assert await reader.read() == b"heard hello\n"
    writer.close()
    await writer.wait_closed()


async def test_a_connection_that_is_left_ends_the_program(tmp_path: Path) -> None:
    tool = net(tmp_path, "sleep 600 & echo $$ $!; wait")
    reader, writer = await tool.connect("ssh")
    processes = [read_process(int(pid)) for pid in (await reader.readline()).split()]
    writer.close()
    await writer.wait_closed()
    for process in processes:
        assert process is not None
        await gone(process)


async def test_a_program_that_fails_is_told(tmp_path: Path) -> None:
    tool = net(tmp_path, "echo half; echo 'no route to it' >&2; exit 3")
    reader, writer = await tool.connect("ssh")
    assert await reader.read(100) == b"half\n"
    with pytest.raises(ConnectionError, match=r"/connect ended with status 3: no route to it$"):
        await reader.read(100)
    writer.close()
    (tmp_path / "connect").unlink()
    with pytest.raises(BoardError, match="name an executable"):
        await tool.connect("ssh")


async def test_a_session_is_joined_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_bytes(b"hello " * 50000)
    tool = net(tmp_path, "tr a-z A-Z; echo from $1")
    async with served(tmp_path, monkeypatch, fit("net", tool)) as session:
        assert await session.dut("net") == 0
        with (tmp_path / "in").open() as file:
            monkeypatch.setattr("sys.stdin", file)
            assert await session.dut("net", "gdb") == 0
    told = capfd.readouterr().out
    assert told == "ssh       root@dut\ngdb       3333\n" + "HELLO " * 50000 + "from gdb\n"


async def test_files_are_published_and_taken_back(tmp_path: Path) -> None:
    publish = program(tmp_path, "publish", 'cat >"served-$1"; echo "tftp://10.0.0.1/$1"')
    withdraw = program(tmp_path, "withdraw", 'ls | sed -n "s/^served-//p"; rm -f served-*')
    tool = net(tmp_path, "exit 0", publish=publish, withdraw=withdraw)
    assert await tool.publish("zImage", content(b"one", b"two")) == "tftp://10.0.0.1/zImage"
    assert (tmp_path / "served-zImage").read_bytes() == b"onetwo"
    assert await tool.withdraw() == ("zImage",)
    assert await tool.withdraw() == ()


async def test_what_is_not_published_is_told(tmp_path: Path) -> None:
    full = program(tmp_path, "publish", "echo 'the disk is full' >&2; exit 1")
    tool = net(tmp_path, "exit 0", publish=full, withdraw=program(tmp_path, "withdraw", "exit 0"))
    with pytest.raises(BoardError, match=r"/publish .*: the disk is full$"):
        await tool.publish("rootfs", content(*[bytes(1 << 20)] * 8))
    with pytest.raises(BoardError, match="its admin sets 'publish'"):
        await net(tmp_path, "exit 0").publish("rootfs", content())


async def test_publishing_that_is_called_off_leaves_no_program(tmp_path: Path) -> None:
    publish = program(tmp_path, "publish", "echo $$ >pid; exec sleep 600")
    tool = net(tmp_path, "exit 0", publish=publish, withdraw=program(tmp_path, "withdraw", ""))
    publishing = asyncio.create_task(tool.publish("rootfs", never()))
    await until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    process = read_process(int((tmp_path / "pid").read_text()))
    assert process is not None
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    await gone(process)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"kind": "net", "connect": "/bin/true"}, "ports: belong to a tool of the kind net"),
        ({"kind": "net", "ports": {"ssh": "dut"}}, "connect: is missing"),
        ({"kind": "do", "run": "/bin/true", "ports": {"ssh": "dut"}}, "ports: belong"),
        (
            {"kind": "net", "connect": "/bin/true", "ports": {"a": "b"}, "publish": "/bin/true"},
            "withdraw: is missing",
        ),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, table: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        opened(DRIVER, tmp_path, **table)
