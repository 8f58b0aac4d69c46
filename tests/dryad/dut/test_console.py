"""``dut console`` and ``dut boot`` as programs, before a real keeper and a pseudo terminal."""

import asyncio
import json
import os
import pty
import re
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.dut.call import VARIABLE, UsageError
from boruta_farm.dryad.dut.console_options import read_options, unescape
from boruta_farm.dryad.dut.expecting import WINDOW, Expectation
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.state import Phase
from tests.dryad.tools.benches import EPOCH, Lamp, fit, state
from tests.dryad.tools.console.lines import BOOT, SOON, Wired, until, wired


class Starter(Lamp):
    """Power whose coming makes the device boot."""

    board: Wired | None = None

    async def on(self) -> None:
        await super().on()
        assert self.board is not None
        self.board.device.say(b"U-Boot 2026.01\r\nHit any key\r\n=> ")


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Wired]:
    """Return a board with a console and power."""
    starter = Starter()
    async with wired(tmp_path, fit("power", starter, pause=0.0)) as made:
        starter.board = made
        yield made


async def test_what_came_is_replayed_as_it_came(board: Wired) -> None:
    said = b"\x1b[31mred\x1b[0m \xc3\xa4\x00\xff\r\nnext"
    board.device.say(said)
    await board.seen(b"next")
    done = await board.dut("console", "--log")
    assert (done.status, done.out, done.err) == (0, said, "")
    done = await board.dut("console", "uart", "--log", "--times")
    assert re.fullmatch(
        rb"[-0-9T:.]+Z \[the port was opened\]\n"
        rb"[-0-9T:.]+Z \x1b\[31mred\x1b\[0m \xc3\xa4\x00\xff\r\n[-0-9T:.]+Z next",
        done.out,
    )


async def test_it_boots_until_a_prompt_is_seen(board: Wired) -> None:
    board.device.say(b"=> of an earlier boot")
    await board.seen(b"boot")
    done = await board.dut("boot", "--expect", "^=> ", "--timeout", "9s")
    assert (done.status, done.out, done.err) == (0, b"U-Boot 2026.01\r\nHit any key\r\n=> ", "")


async def test_a_prompt_that_does_not_come_is_told_with_the_last_line(board: Wired) -> None:
    waiting = await board.begin("console", "--expect", "login:", "--timeout", "0.5s")
    await until(lambda: board.tool.desk.viewers == 1)
    board.device.say(b"panic: \x1b[2Jno root\r\n")
    out, err = await asyncio.wait_for(waiting.communicate(), SOON)
    assert (waiting.returncode, out) == (Status.FAILED, b"panic: \x1b[2Jno root\r\n")
    assert err.decode() == (
        "dut: 'login:' did not come within 0.5 s; the last line was: panic: ?[2Jno root\n"
    )


async def test_texts_are_sent_and_answers_waited_for_from_there_on(board: Wired) -> None:
    done = await board.dut("--json", "console", "--send", "ver\\r\\x03")
    assert json.loads(done.out) == {"position": 0, "sent": 5}
    assert board.device.hear(5) == b"ver\r\x03"
    board.device.say(b"2026.01 => and 2027.01")
    words = ("--json", "console", "--since", "0", "--expect", r"(\d+)\.01")
    first = json.loads((await board.dut(*words)).out)
    assert first == {"text": "2026.01", "groups": ["2026"], "position": 7}
    second = json.loads((await board.dut(*words[:3], "7", *words[4:])).out)
    assert (second["text"], second["position"]) == ("2027.01", 22)
    done = await board.dut("console", "--send", "-", data=b"x" * 3000)
    assert done.status == 0
    assert board.device.hear(3000) == b"x" * 3000
    assert (await board.dut("console", "--break")).status == 0


async def test_one_writes_and_hands_over_on_request(board: Wired) -> None:
    first = await board.begin("console")
    await until(lambda: board.tool.desk.words().endswith("one writes"))
    refused = await board.dut("console", "--send", "x")
    assert refused.status == Status.USAGE
    assert "somebody else writes to this console; take it over with --take" in refused.err
    second = await board.begin("console", "--take")
    assert first.stdin is not None
    assert first.stderr is not None
    assert second.stdin is not None
    assert b"somebody else writes now" in await asyncio.wait_for(first.stderr.readline(), SOON)
    first.stdin.write(b"lost")
    assert b"not sent: somebody else writes" in await asyncio.wait_for(
        first.stderr.readline(), SOON
    )
    second.stdin.write(b"kept")
    assert await asyncio.to_thread(board.device.hear, 4) == b"kept"
    # The end of the job detaches all.
    board.service.look(state(phase=Phase.ENDING))
    for process in (first, second):
        await asyncio.wait_for(process.communicate(), SOON)
        assert process.returncode == Status.OVER
    assert board.tool.desk.viewers == 0


async def test_nobody_sees_what_came_before_his_job(board: Wired) -> None:
    board.device.say(b"the password of job 7")
    await board.seen(b"job 7")
    board.service.look(state(phase=Phase.ENDING))
    await board.consoles.cut()
    board.service.look(state(EPOCH + 1, Phase.PREPARED))
    board.device.say(b"job 8")
    await board.seen(b"job 8")
    assert (await board.dut("console", "--log")).out == b"job 8"
    done = await board.dut("console", "--since", "0", "--expect", "job .")
    assert done.out == b"job 8"


@pytest.mark.prove
async def test_a_slow_viewer_holds_up_nobody_and_is_told_what_he_missed(board: Wired) -> None:
    slow = await board.begin("console", "--since", "start")
    slow_out = slow.stdout
    assert slow_out is not None
    await until(lambda: board.tool.desk.viewers == 1)
    block = bytes(range(32, 96)) * 1024

    def flood() -> None:
        for _ in range(170):
            board.device.say(block)
        board.device.say(b"end")

    await asyncio.gather(asyncio.to_thread(flood), board.seen(b"end"))
    ring = board.tool.desk.kept.ring
    log = await board.dut("console", "--log")
    assert len(log.out) == ring.end - ring.oldest
    assert log.err == f"dut: {ring.oldest} bytes are dropped: more came than is kept or was read\n"
    slow.kill()
    await slow.communicate()


class Screen:
    """A terminal with ``dut console`` in it."""

    def __init__(self, board: Wired) -> None:
        self.end, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self._board = board
        self.shown = b""

    async def start(self) -> asyncio.subprocess.Process:
        """Start ``dut console``."""
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", BOOT, "console"),
            stdin=self.theirs,
            stdout=self.theirs,
            stderr=self.theirs,
            env={**os.environ, VARIABLE: str(self._board.door.path)},
        )

    async def until(self, wanted: bytes) -> None:
        """Read until something is shown."""
        async with asyncio.timeout(SOON):
            while wanted not in self.shown:
                self.shown += await asyncio.to_thread(os.read, self.end, 65536)


async def test_a_terminal_is_raw_and_restored_and_escapes_work(board: Wired) -> None:
    screen = Screen(board)
    process = await screen.start()
    await screen.until(b"you write; ~? for help, ~. to end]\r\n")
    os.write(screen.end, "ä~x\x03\r".encode())
    assert await asyncio.to_thread(board.device.hear, 6) == "ä~x\x03\r".encode()
    board.device.say("größe\x1b[1m\r\n".encode())
    await screen.until("größe\x1b[1m".encode())
    os.write(screen.end, b"~~\r~?")
    assert await asyncio.to_thread(board.device.hear, 2) == b"~\r"
    await screen.until(b"~p  power cycle")
    os.write(screen.end, b"~p")
    await screen.until(b"=> ")
    await screen.until(b"[power cycled]")
    os.write(screen.end, b"~b")
    await screen.until(b"[break sent]")
    board.service.toolbox.find("console").tool.desk.claim(  # type: ignore[attr-defined]
        board.tool.desk.join(None), take=True
    )
    await screen.until(b"[somebody else writes now; you see what comes]")
    screen.shown = b""
    os.write(screen.end, b"~w")
    await screen.until(b"you write; ~? for help, ~. to end]\r\n")
    os.write(screen.end, b"~.")
    assert await asyncio.wait_for(process.wait(), SOON) == 0
    assert termios.tcgetattr(screen.theirs) == screen.before
    os.close(screen.end)
    os.close(screen.theirs)


@pytest.mark.parametrize("end", ["SIGTERM", "job"])
async def test_a_terminal_is_restored_whatever_ends_it(board: Wired, end: str) -> None:
    screen = Screen(board)
    process = await screen.start()
    await screen.until(b"you write")
    if end == "job":
        board.service.look(state(phase=Phase.ENDING))
        assert await asyncio.wait_for(process.wait(), SOON) == Status.OVER
    else:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), SOON) == 130
    assert termios.tcgetattr(screen.theirs) == screen.before
    os.close(screen.end)
    os.close(screen.theirs)


def test_a_pattern_is_found_across_pieces_in_bounded_memory() -> None:
    wanted = Expectation("lo+gin: (.*)$")
    for _ in range(100):
        assert wanted.feed(b"x" * WINDOW) is None
    assert wanted.feed(b"\nloooo") is None
    found = wanted.feed(b"gin: ann\nrest")
    assert found is not None
    assert (found.text, found.groups, found.unread) == (b"loooogin: ann", (b"ann",), 5)


def test_texts_to_send_are_written_with_escapes() -> None:
    assert unescape(r"a\r\n\t\e\\n\x41\q") == "a\r\n\t\x1b\\nA\\q"
    assert unescape(r"\xff").encode(errors="surrogateescape") == b"\xff"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--expect", "("], "is no regular expression"),
        (["--expect"], "--expect of what?"),
        (["--timeout=soon"], "is no time; write 60s"),
        (["--since", "-1"], "--since takes start, now, or a position"),
        (["--loud"], "console knows no '--loud'"),
        (["a", "b"], "one word too many"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        read_options("console", words)
