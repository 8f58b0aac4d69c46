import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from boruta_farm.dryad.stm import tool
from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.errors import ControllerError, SilenceError
from boruta_farm.dryad.stm.options import parse_options
from boruta_farm.dryad.stm.recorder import RecordedCall, Recorder
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.values import Color, DyPer, Ink, Led
from boruta_farm.testing.stm_ports import PseudoTerminal


@pytest.fixture
def recorder() -> Recorder:
    return Recorder(current=420)


@pytest.fixture
async def remote(recorder: Recorder, tmp_path: Path) -> AsyncIterator[str]:
    """Serve the double; yield the path of its socket."""
    path = tmp_path / "stm"
    async with Service(recorder) as service:
        await service.listen(path, tmp_path / "user", group="no-such-group")
        yield str(path)
    await recorder.close()


async def run(*arguments: str) -> int:
    """Run the tool beside this loop, as its own process would."""
    return await asyncio.to_thread(tool.main, arguments)


async def test_everything_is_done_in_the_originals_order(recorder: Recorder, remote: str) -> None:
    line = "-hdmi on -dyper2 off -dyper1 on -led2 0,0,1 -led1 1,0,0 -print hi -clr -cur -tick -dut"
    assert await run("-remote", remote, *line.split(), "-m", "5ms") == 0
    assert list(recorder.calls) == [
        RecordedCall("dut"),
        RecordedCall("power_tick", (timedelta(milliseconds=5),)),
        RecordedCall("get_current"),
        RecordedCall("clear_display"),
        RecordedCall("print_text", (0, 0, Ink.ON, "hi")),
        RecordedCall("set_led", (Led.ONE, Color(red=1, green=0, blue=0))),
        RecordedCall("set_led", (Led.TWO, Color(red=0, green=0, blue=1))),
        RecordedCall("set_dyper", (DyPer.ONE, True)),
        RecordedCall("set_dyper", (DyPer.TWO, False)),
        RecordedCall("hdmi", (True,)),
    ]


async def test_without_options_nothing_is_done(recorder: Recorder, remote: str) -> None:
    assert await run("-remote", remote) == 0
    assert not recorder.calls


async def test_the_current_is_printed(remote: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("-remote", remote, "-cur") == 0
    assert capsys.readouterr().out == "420\n"


async def test_a_record_is_printed_on_one_line(
    remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("-remote", remote, "-cur-get") == 1
    assert capsys.readouterr().err == "stm: no sample was recorded\n"
    size = ("-cur-size", "3", "-cur-duration", "9ms")
    assert await run("-remote", remote, "-cur-start", *size) == 0
    printed = ""
    async with asyncio.timeout(60):
        while printed != "420,420,420\n":
            assert await run("-remote", remote, "-cur-get") == 0
            printed = capsys.readouterr().out
    assert await run("-remote", remote, "-cur-stop", "-cur-get") == 0
    assert capsys.readouterr().out == "420,420,420\n"


async def test_the_serial_line_is_used_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with PseudoTerminal() as terminal:
        assert await run("-tty", str(terminal.path), "-dut", "-cur") == 0
        assert capsys.readouterr().out == "400\n"
        assert terminal.firmware.chip.card == "dut"
        assert await run("-tty", str(terminal.path), "-cur-start") == 1
        assert "give -remote" in capsys.readouterr().err


async def test_the_double_only_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert await run("-dummy", "-ts", "-print", "hello") == 0
    assert caplog.messages == ["ts()", "print_text(0, 0, on, hello)"]


async def test_failures_are_told(
    recorder: Recorder, remote: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.failure = SilenceError("no reply")
    for option in ("-dut", "-hdmi=on", "-dyper1=on"):
        assert await run("-remote", remote, option) == 1
        assert capsys.readouterr().err == "stm: no reply\n"


async def test_nobody_at_the_socket_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("-remote", str(tmp_path / "none"), "-dut") == 1
    assert "cannot connect to" in capsys.readouterr().err


def test_wrong_use_and_help_have_their_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.main(["-dut", "-ts"]) == 2
    capsys.readouterr()
    assert tool.main(["-help"]) == 0
    assert "-cur-duration" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("", Client),
        ("-serve", Controller),
        ("-remote=", Controller),
        ("-remote /run/other.socket", Client),
        ("-tty /dev/ttyUSB0", Controller),
        ("-dummy", Recorder),
        ("-dummy -serve", Recorder),
    ],
)
async def test_the_service_is_preferred_to_the_line(
    line: str, kind: type, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "ADMIN_SOCKET", Path(remote))
    monkeypatch.setattr(tool, "USER_SOCKET", Path(remote))
    assert isinstance(tool.choose_interface(parse_options(line.split())), kind)


@pytest.mark.parametrize(("user", "name"), [(0, "admin"), (1000, "user")])
def test_who_we_are_decides_on_the_socket(
    user: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(Path, "is_socket", lambda path: True)
    monkeypatch.setattr(tool, "ADMIN_SOCKET", tmp_path / "admin")
    monkeypatch.setattr(tool, "USER_SOCKET", tmp_path / "user")
    chosen = tool.choose_interface(parse_options([]))
    assert isinstance(chosen, Client)
    assert chosen._path == tmp_path / name


def test_without_a_service_there_is_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "ADMIN_SOCKET", tmp_path / "admin")
    monkeypatch.setattr(tool, "USER_SOCKET", tmp_path / "user")
    assert isinstance(tool.choose_interface(parse_options([])), Controller)


SERVE = "import sys; from boruta_farm.dryad.stm.tool import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_service_runs_until_it_is_told_to_leave(
    number: signal.Signals, tmp_path: Path
) -> None:
    admin, user = tmp_path / "admin", tmp_path / "user"
    with PseudoTerminal() as terminal:
        line = ("-serve", "-tty", terminal.path, "-listen", admin, "-user-listen", user)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVE, *line, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(30):
                while b"serving" not in await process.stderr.readline():
                    assert not process.stderr.at_eof()
                await Client(user).dut()
                assert terminal.firmware.chip.card == "dut"
                process.send_signal(number)
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
    assert not admin.exists()
    assert not user.exists()


def listeners(*paths: Path) -> dict[str, socket.socket]:
    """Make sockets that listen already, as systemd's do: callers wait until they are served."""
    made = {}
    for path in paths:
        made[str(path)] = socket.socket(socket.AF_UNIX)
        made[str(path)].bind(str(path))
        made[str(path)].listen()
    return made


async def test_sockets_of_systemd_are_served(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin, user = tmp_path / "admin", tmp_path / "user"
    handed = listeners(user, admin)
    monkeypatch.setattr(tool, "take_sockets", lambda environment: handed)
    serving = asyncio.create_task(tool.serve(recorder, admin, user))
    async with asyncio.timeout(30):
        await Client(admin).clear_display()
        await Client(user).ts()
        with pytest.raises(ControllerError, match="can't find method"):
            await Client(user).clear_display()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    assert list(recorder.calls) == [RecordedCall("clear_display"), RecordedCall("ts")]


async def test_other_sockets_of_systemd_are_refused(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed = listeners(tmp_path / "other")
    monkeypatch.setattr(tool, "take_sockets", lambda environment: handed)
    with pytest.raises(ControllerError, match=r"handed over .*/other instead of .*/admin and"):
        await tool.serve(recorder, tmp_path / "admin", tmp_path / "user")
    assert handed[str(tmp_path / "other")].fileno() == -1
