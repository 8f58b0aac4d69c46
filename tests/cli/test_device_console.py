"""The console's log comes from the farm once the job has ended, from the board before."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import typer

from boruta_farm.cli import device, device_console
from boruta_farm.cli.ssh import SshRun
from boruta_farm.client.consoles import HttpConsoles
from boruta_farm.client.device import device_line
from boruta_farm.model.errors import BorutaError, ConsoleLogNotFoundError
from tests.cli.stage import Boruta
from tests.client.serving import Served

SAID = b"panic: \x1b[2J\xc3\xa4\r\n" + b"".join(b"line %d\n" % n for n in range(30))


def lend(boruta: Boruta, served: Served) -> None:
    """Have request 1 run."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    boruta("new", "-c", "board=rpi4")
    served.settle()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return what is asked of the farm and the board; a first error is raised by the farm."""
    made: list[object] = []

    @asynccontextmanager
    async def log(
        _: HttpConsoles,
        request_id: int,
        name: str = "",
        *,
        times: bool = False,
        cast: bool = False,
        tail: int = 0,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        if made and isinstance(made[0], BorutaError):
            raise made[0]
        made.append((request_id, name, times, cast, tail))

        async def data() -> AsyncIterator[bytes]:
            yield SAID

        yield data()

    def carry_out(_: typer.Context, make: Callable[[], SshRun]) -> None:
        made.append(make().command)
        raise typer.Exit(0)

    monkeypatch.setattr(HttpConsoles, "log", log)
    monkeypatch.setattr(device, "carry_out", carry_out)
    return made


def test_the_farm_has_the_log_of_an_ended_job(boruta: Boruta, asked: list[object]) -> None:
    done = boruta("console", "42", "uart", "--log", "--times")
    assert done.out == SAID.decode().replace("\r\n", "\n")
    assert asked == [(42, "uart", True, False, 0)]


def test_a_recording_is_made_of_an_ended_job_alone(
    boruta: Boruta, asked: list[object], served: Served
) -> None:
    boruta("console", "42", "uart", "--cast")
    assert asked == [(42, "uart", False, True, 0)]
    refused = boruta("console", "rpi4", "--cast", status=2)
    assert "name its request by number" in refused.err
    lend(boruta, served)
    asked.clear()
    asked.append(ConsoleLogNotFoundError())
    assert "there is no log of a console" in boruta("console", "1", "--cast", status=1).err
    assert len(asked) == 1, "no board is asked"


def test_what_another_s_job_said_steers_no_terminal(
    boruta: Boruta, asked: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_console, "_at_terminal", lambda: True)
    shown = boruta("console", "42", "--log").out
    assert shown.startswith("panic: ?[2J\u00e4\nline 0\n")
    assert shown.endswith("line 29\n")
    assert "\x1b[2J" in boruta("console", "42", "--log", "--plain").out
    assert len(asked) == 2


def test_the_board_has_it_while_the_job_runs(
    boruta: Boruta, asked: list[object], served: Served
) -> None:
    lend(boruta, served)
    asked.append(ConsoleLogNotFoundError())
    boruta("console", "1", "--log")
    assert asked[1] == (device_line("console", "--log"),)
    boruta("close", "1")
    failed = boruta("console", "1", "--log", status=1)
    assert "there is no log of a console" in failed.err


def test_a_console_is_dut_on_the_board(boruta: Boruta, asked: list[object]) -> None:
    boruta("console", "42", "--expect", "login:", "--timeout", "5s")
    assert asked == [(device_line("console", "--expect", "login:", "--timeout", "5s"),)]


def test_a_failed_job_is_shown_with_its_last_words(
    boruta: Boruta, asked: list[object], served: Served
) -> None:
    lend(boruta, served)
    served.fail(1, "panic")
    shown = boruta("show", "1").out
    assert asked == [(1, "", False, False, 20)]
    assert "The console's last lines (all: boruta console 1 --log):\n" in shown
    assert "  panic: ?[2J\u00e4\n  line 0\n" in shown
    assert shown.endswith("  line 29\n")
    asked.insert(0, ConsoleLogNotFoundError())
    assert "console" not in boruta("show", "1").out
