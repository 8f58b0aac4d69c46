"""The console of a lent board from Python: real dut, real ssh, a program for a boot loader."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm import borrow
from boruta_farm.client.device import DeviceError
from boruta_farm.client.device_console import ConsoleMatch
from boruta_farm.dryad.tools.console.tool import ConsoleTool
from boruta_farm.dryad.tools.kinds.console import PortPlace
from tests.client.board import reachable_board
from tests.client.serving import Served
from tests.dryad.tools.benches import fit

BOARD = {"board": "rpi4"}
LOADER = 'printf "U-Boot 2026.01\\n=> "; while read -r l; do printf "said <%s>\\n=> " "$l"; done'


class Loader(ConsoleTool):
    """A boot loader, as far as a shell can play one."""

    def place(self) -> PortPlace:
        words = ["/bin/sh", "-c", LOADER]
        return PortPlace(
            opener="boruta_farm.dryad.tools.console.command_port:open_command",
            options={"words": words, "environment": {}},
        )


@pytest.fixture
def board(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the farm lend a board with a console."""
    for name in ("runtime", "configuration"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    monkeypatch.setenv("BORUTA_SERVER", served.address)
    with reachable_board(tmp_path / "board", (fit("uart", Loader()),)) as (access, _):
        served.board(1, "lab", caps=BOARD)
        served.lead_to(access)
        yield


@pytest.mark.usefixtures("board")
def test_plain_code() -> None:
    with borrow(BOARD) as lent:
        assert lent.console.expect(r"U-Boot (\d+)", 10).groups == ("2026",)
        lent.console.send("print $board 'a\\b'\n")
        answer = lent.console.expect("said <(.*)>", 10)
        assert answer == ConsoleMatch(
            text="said <print $board 'a\\b'>", groups=("print $board 'a\\b'",)
        )
        # The prompt behind the answer is still to come for the next one; nothing more is.
        lent.console.named("uart").expect("=> $", 10)
        lent.console.expect("=> ", 10)
        with pytest.raises(DeviceError, match=r"'=> ' did not come within 0.2 s; nothing came"):
            lent.console.expect("=> ", 0.2)
        log = lent.console.log()
        assert log.startswith(b"U-Boot 2026.01\n=> said <print")
        assert b"Z U-Boot 2026.01\n" in lent.console.log(times=True)
        with pytest.raises(DeviceError, match="this console knows no break"):
            lent.console.send_break()


@pytest.mark.usefixtures("board")
async def test_async_code() -> None:
    async with borrow(BOARD) as lent:
        await lent.console.expect("=> ", 10)
        await lent.console.send("x\n", take=True)
        assert (await lent.console.expect("said.*", 10)).text == "said <x>"
