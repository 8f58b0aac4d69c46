"""A session's consoles: as terminals too, gone with the job, whose log is kept for the farm."""

import asyncio
import errno
import os
import stat
from pathlib import Path

import pytest

from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools.console import terminal
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.console.logs import LogFolder
from boruta_farm.dryad.tools.console.ring import Ring
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.console import LONGEST_CHUNK, unpack_chunk
from tests.dryad.tools.benches import EPOCH, OpenDoor, fit, state
from tests.dryad.tools.console.lines import serial, until, wired


def read_log(folder: LogFolder) -> list[tuple[int, str, int, bytes]]:
    """Return all that waits for the farm."""
    return [
        (
            log.epoch,
            log.console,
            log.dropped,
            b"".join(piece.data for chunk in log.chunks() for piece in unpack_chunk(chunk.content)),
        )
        for log in folder.pending()
    ]


def _hung_up(user: int) -> bool:
    """Read a terminal to its end."""
    try:
        while os.read(user, 4096):
            pass
    except OSError as error:
        return error.errno == errno.EIO
    return True


async def test_the_log_of_a_job_is_kept_and_the_next_begins_with_nothing(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        board.device.say(b"job 7")
        await board.seen(b"job 7")
        board.service.look(state(phase=Phase.ENDING))
        await board.consoles.cut()
        assert read_log(board.consoles.logs) == [(EPOCH, "uart", 0, b"job 7")]
        assert board.log() == b""
        # A clean-up that is done once more finds nothing to add.
        await board.consoles.cut()
        assert len(board.consoles.logs.pending()) == 1
        # What comes between two jobs is the next one's, which nobody has been lent yet.
        board.device.say(b"between ")
        board.service.look(state(EPOCH + 1, Phase.PREPARED))
        await board.seen(b"between ")
        board.service.look(state(EPOCH + 1))
        board.device.say(b"job 8")
        await board.seen(b"job 8")
        await board.consoles.cut()
        assert read_log(board.consoles.logs)[1] == (EPOCH + 1, "uart", 0, b"between job 8")


async def test_a_board_that_nobody_was_lent_has_no_log(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        board.service.look(state(phase=Phase.ENDED))
        await board.consoles.cut()
        board.consoles.logs.remove(board.consoles.logs.pending()[0])
        board.service.look(state(EPOCH + 1, Phase.PREPARED))
        board.device.say(b"idle")
        await board.seen(b"idle")
        await board.consoles.cut()
        assert board.consoles.logs.pending() == []
        assert board.log() == b""


async def test_an_agent_that_comes_again_goes_on_with_the_jobs_log(tmp_path: Path) -> None:
    async with wired(tmp_path) as board:
        board.device.say(b"before ")
        await board.seen(b"before ")
        await board.service.close()
        await board.consoles.close()
        board.device.say(b"while it was away ")
        tool = serial(board.device.path)
        again = Consoles(Toolbox([fit("uart", tool)]), tmp_path)
        await again.start(None)
        assert again.keeper.pid == board.consoles.keeper.pid
        again.look(state())
        await until(lambda: tool.desk.kept.ring.end == 25)
        again.look(state(phase=Phase.ENDING))
        await again.cut()
        assert read_log(again.logs) == [(EPOCH, "uart", 0, b"before while it was away ")]
        await again.close()


async def test_a_session_has_its_consoles_as_terminals_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "LOOK_EVERY", 0.01)
    async with wired(tmp_path) as board:
        path = tmp_path / "console" / "uart"
        await until(path.is_symlink)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        board.device.say(b"nobody had it open")
        await board.seen(b"open")
        user = os.open(path, os.O_RDWR | os.O_NOCTTY)
        await until(lambda: board.tool.desk.viewers == 1)
        every = bytes(range(256)) * 8
        await asyncio.to_thread(os.write, user, every)
        assert await asyncio.to_thread(board.device.hear, len(every)) == every
        board.device.say(every)
        heard = b""
        while len(heard) < len(every):
            heard += await asyncio.to_thread(os.read, user, 65536)
        assert heard == every

        # One writes: who types while somebody else does is told so.
        other = board.tool.desk.join(None)
        board.tool.desk.claim(other, take=True)
        os.write(user, b"lost")
        assert b"somebody else writes to this console" in await asyncio.to_thread(
            os.read, user, 4096
        )
        board.tool.desk.leave(other)
        os.close(user)
        await until(lambda: board.tool.desk.viewers == 0)

        user = os.open(path, os.O_RDWR | os.O_NOCTTY)
        await until(lambda: board.tool.desk.viewers == 1)
        board.service.look(state(phase=Phase.ENDING))
        assert not path.is_symlink()
        assert await asyncio.to_thread(_hung_up, user)
        os.close(user)
        assert board.tool.desk.viewers == 0


async def test_a_port_that_is_left_to_the_session_is_not_held_and_not_proved(
    tmp_path: Path,
) -> None:
    device = tmp_path / "ttyUSB7"
    toolbox = Toolbox([fit("uart", serial(device), own=False)])
    consoles = Consoles(toolbox, tmp_path)
    await consoles.start(OpenDoor(tmp_path / "dut.sock"))
    consoles.look(state())
    await until((tmp_path / "console" / "uart").is_symlink)
    assert (tmp_path / "console" / "uart").readlink() == device
    assert not (tmp_path / "console" / "keeper.sock").exists()
    assert await toolbox.find("console").look() == "left to the session"
    await toolbox.reset()
    assert toolbox.unproved == ("uart",)
    await consoles.close()
    assert not (tmp_path / "console" / "uart").is_symlink()


def test_logs_that_the_farm_does_not_take_are_bounded_on_the_disk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = LogFolder(tmp_path, most=4000)
    for epoch in range(1, 6):
        ring = Ring.make("test")
        ring.append(os.urandom(1000), 1)
        ring.cut()
        folder.store(epoch, "uart", ring)
        ring.close()
    assert [log.epoch for log in folder.pending()] == [4, 5]
    assert "epoch 3: the log of uart is given up" in caplog.text
    (tmp_path / "6.uart.log").write_bytes(b"{}\n")
    (tmp_path / "note.txt").write_bytes(b"not ours")
    assert [log.epoch for log in folder.pending()] == [4, 5]
    assert "6.uart.log is damaged and is given up" in caplog.text


def test_a_log_is_cut_into_chunks_of_bounded_size(tmp_path: Path) -> None:
    ring = Ring.make("test")
    block = os.urandom(20_000)
    for number in range(10):
        ring.append(block, number * 2_000_000)
    ring.cut()
    folder = LogFolder(tmp_path)
    folder.store(3, "uart", ring)
    ring.close()
    (log,) = folder.pending()
    assert len(log.sizes) == 10
    chunks = list(log.chunks())
    assert [(chunk.sequence, chunk.count) for chunk in chunks] == [(n, 10) for n in range(10)]
    assert all(len(chunk.content) <= LONGEST_CHUNK for chunk in chunks)
    assert read_log(folder) == [(3, "uart", 0, block * 10)]
