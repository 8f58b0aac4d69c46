"""``dut_boot.sh`` and its kin: a device booted, logged in to, commanded and copied to and from."""

import asyncio
import os
import sys
from pathlib import Path

from boruta_farm.dryad.dut.call import VARIABLE
from tests.dryad.dut.original.muxpi import PASSWORD, MuxPi
from tests.dryad.dut.test_console import Starter
from tests.dryad.tools.benches import fit
from tests.dryad.tools.console.lines import wired

LOGIN = f"dut_login.sh root {PASSWORD}"


async def test_the_device_is_booted_and_waited_for_at_its_port(board: MuxPi) -> None:
    assert await board.run("dut_boot.sh") == (0, "", "")
    assert (board.chip.card, board.chip.relay) == ("dut", True)


async def test_who_has_logged_in_runs_commands(board: MuxPi) -> None:
    assert await board.run(LOGIN) == (0, "", "")
    kept = board.folder / "home" / ".dut"
    assert kept.stat().st_mode & 0o777 == 0o700
    assert (kept / "password").stat().st_mode & 0o777 == 0o600
    assert await board.run("dut_exec.sh echo 'a  b' '&&' echo c") == (0, "a b\nc\n", "")
    # The original tells only whether it could be run.
    assert await board.run("dut_exec.sh exit 7") == (0, "", "")
    assert (await board.run("dut_exec.sh no-such-command"))[0] == 0


async def test_without_login_or_with_a_wrong_one_nothing_is_run(board: MuxPi) -> None:
    told = "nothing could be run on the device as root"
    for line in ("dut_exec.sh id", "dut_login.sh", "dut_login.sh root wrong"):
        status, output, said = await board.run(line)
        assert (status, output) == (1, ""), line
        assert told in said


async def test_files_and_folders_go_there_and_back(board: MuxPi, tmp_path: Path) -> None:
    there = tmp_path / "on the device"
    there.mkdir()
    home = board.folder / "home"
    (home / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (home / "run.sh").chmod(0o755)
    (home / "tree" / "deep").mkdir(parents=True)
    (home / "tree" / "deep" / "file").write_bytes(b"\0\xff")
    await board.run(LOGIN)
    assert await board.run(f"dut_copyto.sh run.sh '{there}'") == (0, "", "")
    assert await board.run(f"dut_copyto.sh run.sh '{there}/named'") == (0, "", "")
    assert (there / "named").read_text() == (there / "run.sh").read_text()
    assert await board.run(f"dut_exec.sh \"'{there}/run.sh'\"") == (0, "ran\n", "")
    assert await board.run(f"dut_copyto.sh tree '{there}'") == (0, "", "")
    assert (there / "tree" / "deep" / "file").read_bytes() == b"\0\xff"
    assert await board.run(f"dut_copyfrom.sh '{there}/tree' back") == (0, "", "")
    assert (home / "back" / "deep" / "file").read_bytes() == b"\0\xff"
    assert await board.run(f"dut_copyfrom.sh '{there}/named' got") == (0, "", "")
    assert (home / "got").read_text().startswith("#!/bin/sh")


WRONG = (
    ("dut_boot.sh now", 2, "takes no words"),
    ("dut_login.sh a b c", 2, "takes a user and a password"),
    ("dut_exec.sh", 2, "which command?"),
    ("dut_copyto.sh a", 2, "takes two paths"),
    ("dut_copyto.sh none /tmp", 1, "none: No such file"),
    ("dut_copyto.sh . /proc/none", 1, "/proc/none could not be written on the device"),
    ("dut_copyfrom.sh /none here", 1, "/none is not on the device"),
    ("dut_copyfrom.sh /etc/hostname none/here", 1, "cannot be written: No such file"),
)


async def test_what_fails_says_so(board: MuxPi) -> None:
    await board.run(LOGIN)
    for line, status, words in WRONG:
        found, output, said = await board.run(line)
        assert (found, output) == (status, ""), line
        assert words in said


async def test_a_boot_is_waited_for_on_the_console(tmp_path: Path) -> None:
    starter = Starter()
    boot = "import sys; from boruta_farm.dryad.dut.original.main import main; sys.exit(main(%r))"
    async with wired(tmp_path, fit("power", starter, pause=0.0), booted="=> ") as made:
        starter.board = made
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", boot % "dut_boot.sh"),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, VARIABLE: str(made.door.path)},
        )
        output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"U-Boot 2026.01\r\nHit any key\r\n=> ")
