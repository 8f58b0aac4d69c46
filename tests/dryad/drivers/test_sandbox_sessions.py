"""Sessions as the system's OpenSSH tools see them."""

import asyncio
import fcntl
import hashlib
import itertools
import os
import random
import shlex
import shutil
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_home import find_sftp_server, find_shell
from tests.dryad.drivers.sandboxes import TIMEOUT, Visitor, gone, run, running, tool, unique

DATA = random.Random(1).randbytes(1 << 20)
"""One MiB that compresses to nothing."""

FLOOD = """
import os, select
os.set_blocking(1, False)
count = 0
while select.select([], [1], [], 0.5)[1]:
    count += os.write(1, bytes(65536))
with open("new", "w") as file:
    file.write(str(count))
os.rename("new", "count")
"""
"""Write until nothing more is taken for half a second, then note how much it was."""


class Terminal:
    """A terminal window of 33 rows and 101 columns that runs ``ssh -tt``."""

    def __init__(self, master: int, process: asyncio.subprocess.Process) -> None:
        self._master = master
        self.process = process
        self._seen = b""
        self._more = asyncio.Event()
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._seen += data
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()

    def type(self, text: str) -> None:
        """Type on the keyboard."""
        os.write(self._master, text.encode())

    def resize(self, rows: int, columns: int) -> None:
        """Drag the window's corner."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    async def expect(self, text: str) -> str:
        """Wait until ``text`` shows and return what came before it."""
        while text.encode() not in self._seen:
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), TIMEOUT)
            except TimeoutError:
                pytest.fail(f"{text!r} did not show, only {self._seen!r}")
        before, _, self._seen = self._seen.partition(text.encode())
        return before.decode()

    async def close(self) -> None:
        """Close the window."""
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture
async def terminal(board: SandboxDriver, visitor: Visitor) -> AsyncIterator[Terminal]:
    """Return a terminal with a plain shell on the board, at its first prompt."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    command = visitor.command(board)
    command[1:1] = ["-tt", "-e", "none"]
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", *command, "PS1='ready> ' exec sh -i"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={"TERM": "vt220", "PATH": os.environ["PATH"]},
    )
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        await terminal.expect("ready> ")
        yield terminal
    finally:
        await terminal.close()


async def test_exit_status_and_outputs(board: SandboxDriver, visitor: Visitor) -> None:
    result = await visitor.ssh(board, "echo out; echo err >&2; cat; exit 7", b"in")
    assert (result.status, result.out, result.err) == (7, b"out\nin", b"err\n")


async def test_a_status_that_comes_a_little_after_the_outputs_end(
    board: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    """A client without input closes the channel at the end of output: no status comes after it."""
    late = "exec >&- 2>&-; sleep 0.1; exit 7"
    assert (await visitor.ssh(board, late)).status == 7
    shared = ("-o", f"ControlPath={tmp_path}/m")
    master = await asyncio.create_subprocess_exec(
        *visitor.command(board, "true")[:-1], *shared, "-o", "ControlMaster=yes", "-N"
    )
    try:
        while not (tmp_path / "m").is_socket():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        command = visitor.command(board, late)
        assert (await run(*command[:1], *shared, *command[1:])).status == 7
    finally:
        master.terminate()
        await master.wait()


async def test_one_mebibyte_each_way(board: SandboxDriver, visitor: Visitor) -> None:
    result = await visitor.ssh(board, "tee kept | sha256sum", DATA)
    assert result.out.split()[0].decode() == hashlib.sha256(DATA).hexdigest()
    assert (await visitor.ssh(board, "cat kept")).out == DATA


async def test_full_duplex_with_back_pressure(board: SandboxDriver, visitor: Visitor) -> None:
    result = await visitor.ssh(board, "cat", DATA * 8)
    assert hashlib.sha256(result.out).digest() == hashlib.sha256(DATA * 8).digest()


async def test_input_nobody_reads_does_not_block(board: SandboxDriver, visitor: Visitor) -> None:
    result = await visitor.ssh(board, "exec <&-; echo done", DATA * 8)
    assert (result.status, result.out) == (0, b"done\n")


async def test_output_goes_on_after_the_end_of_input(
    board: SandboxDriver, visitor: Visitor
) -> None:
    async with await visitor.connect(board) as connection:
        process = await connection.create_process("cat; echo after; read word; echo never")
        process.stdin.write("before\n")
        process.stdin.write_eof()
        assert await asyncio.wait_for(process.stdout.read(), TIMEOUT) == "before\nafter\nnever\n"


async def test_end_of_output_comes_before_the_end(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        process = await connection.create_process("exec >&- 2>&-; read word; exit 5")
        assert await asyncio.wait_for(process.stdout.read(), TIMEOUT) == ""
        assert process.exit_status is None
        process.stdin.write("go\n")
        assert (await asyncio.wait_for(process.wait(), TIMEOUT)).exit_status == 5


async def test_a_reader_who_stops_holds_the_program(board: SandboxDriver, visitor: Visitor) -> None:
    process = await asyncio.create_subprocess_exec(
        *visitor.command(board, f"exec {sys.executable} -"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(FLOOD.encode())
        process.stdin.write_eof()
        wait = "until [ -e count ]; do sleep 0.01; done; cat count"
        assert 1 << 20 < int((await visitor.ssh(board, wait)).out) < 16 << 20
    finally:
        process.kill()
        await process.communicate()


async def test_exit_signal(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        killed = await connection.run("kill -KILL $$")
        assert killed.exit_signal is not None
        assert killed.exit_signal[0] == "KILL"
        assert (await connection.run("kill -WINCH $$; kill -PROF $$")).exit_status == 128 + 27


async def test_signals_reach_the_whole_group(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        script = "trap 'echo trapped; exit 9' TERM; echo on; while :; do sleep 1000; done"
        process = await connection.create_process(script)
        assert await process.stdout.readline() == "on\n"
        process.send_signal("TERM")
        result = await asyncio.wait_for(process.wait(), TIMEOUT)
        assert (result.exit_status, result.stdout) == (9, "trapped\n")


async def test_environment_of_the_client(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        asked = {"LANG": "C", "COLOUR": "green", "HOME": "/elsewhere", "PATH": "/nowhere"}
        result = await connection.run("echo $LANG $COLOUR $HOME $PATH", env=asked)
        assert isinstance(result.stdout, str)
        language, colour, home, path = result.stdout.split()
        assert (language, colour) == ("C", "green")
        assert home.endswith("/sandbox/home")
        assert "/usr/bin" in path.split(":")


async def test_a_command_too_long_is_refused_in_words(
    board: SandboxDriver, visitor: Visitor
) -> None:
    async with await visitor.connect(board) as connection:
        result = await connection.run(f"echo {'x' * 140_000}")
        assert result.exit_status == 126
        assert "Argument list too long" in str(result.stderr)
        assert (await connection.run("echo on")).stdout == "on\n"


async def test_many_sessions_of_one_connection(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        results = await asyncio.gather(*(connection.run(f"echo {n}; exit {n}") for n in range(20)))
    assert [(r.stdout, r.exit_status) for r in results] == [(f"{n}\n", n) for n in range(20)]


async def test_forwarding_is_refused(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        with pytest.raises(asyncssh.ChannelOpenError, match="a sandbox forwards no ports"):
            await connection.open_connection("127.0.0.1", int(board.ssh_address.split(":")[1]))
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", 1)


async def test_a_command_ends_when_nobody_reads_it_any_more(
    board: SandboxDriver, visitor: Visitor
) -> None:
    word = unique()
    ssh = shlex.join(visitor.command(board, f"yes {word}"))
    result = await run("sh", "-c", f"{ssh} | head -1")
    assert (result.status, result.out.decode()) == (0, f"{word}\n")
    for process in running(word):
        await gone(process)


async def test_the_prompt_names_the_board(board: SandboxDriver, terminal: Terminal) -> None:
    if Path(find_shell()).name != "bash":
        pytest.skip("only bash is told of its prompt")
    terminal.type("exec bash -l\n")
    await terminal.expect("boruta-user@sandbox:~")
    terminal.type("PS1='mine> '\n")
    await terminal.expect("PS1='mine> '")
    await terminal.expect("mine> ")


async def test_terminal(terminal: Terminal) -> None:
    terminal.type("tty; stty size; echo $TERM; ps -o tty= -p $$\n")
    lines = (await terminal.expect("ready> ")).splitlines()[1:]
    assert lines[0].startswith("/dev/pts/")
    assert lines[1:3] == ["33 101", "vt220"]
    assert f"/dev/{lines[3].strip()}" == lines[0]


async def test_a_warning_shows_on_the_terminal(board: SandboxDriver, terminal: Terminal) -> None:
    await board.warn("the job ends in 5 minutes")
    await terminal.expect("*** the job ends in 5 minutes ***")
    terminal.type("exit\n")
    await asyncio.wait_for(terminal.process.wait(), TIMEOUT)
    await board.warn("nobody is here")


async def test_terminal_window_change(terminal: Terminal) -> None:
    script = "trap 'stty size; exit' WINCH; echo up; while :; do sleep 1000 & wait; done"
    terminal.type(f'sh -c "{script}"\n')
    await terminal.expect("up\r\n")
    terminal.resize(44, 55)
    await terminal.expect("44 55")


async def test_terminal_interrupt_and_job_control(terminal: Terminal) -> None:
    terminal.type("sh -c 'echo up; exec sleep 1000'\n")
    await terminal.expect("up\r\n")
    terminal.type("\x03")
    await terminal.expect("ready> ")
    terminal.type("sh -c 'echo up; exec sleep 1000'\n")
    await terminal.expect("up\r\n")
    terminal.type("\x1a")
    await terminal.expect("ready> ")
    terminal.type("jobs; kill %1; fg\n")
    assert "Stopped" in await terminal.expect("ready> ")
    terminal.type("exit 6\n")
    assert await asyncio.wait_for(terminal.process.wait(), TIMEOUT) == 6


async def test_closing_the_terminal_hangs_up(board: SandboxDriver, terminal: Terminal) -> None:
    word = unique()
    # What is looked for by its word has begun when it speaks, and reads nothing that could end it.
    terminal.type(f"sh -c 'echo up; sleep 1000; true' {word}\n")
    await terminal.expect("up\r\n")
    [sleeper] = running(word)
    terminal.process.kill()
    await gone(sleeper)


async def test_a_terminal_without_a_person_ends_with_its_input(
    board: SandboxDriver, visitor: Visitor
) -> None:
    command = visitor.command(board, "cat")
    command.insert(1, "-tt")
    result = await run(*command, data=b"line\n")
    assert result.status == 0
    assert result.out.count(b"line\r\n") == 2


async def test_top_and_tmux_run(board: SandboxDriver, terminal: Terminal, visitor: Visitor) -> None:
    terminal.type(f"{tool('top')} -n 1 >/dev/null && echo top''ped\n")
    await terminal.expect("topped")
    terminal.type(f"{tool('tmux')} -f /dev/null new -s work 'echo in-tmux; exec sleep 1000'\n")
    await terminal.expect("in-tmux")
    assert (await visitor.ssh(board, "tmux ls")).out.startswith(b"work: ")
    await board.clean()
    await board.prepare(visitor.public)
    assert (await visitor.ssh(board, "tmux ls")).status == 1


@pytest.fixture(params=["system", "built in"])
async def copier(
    request: pytest.FixtureRequest,
    driver: SandboxDriver,
    visitor: Visitor,
    monkeypatch: pytest.MonkeyPatch,
) -> SandboxDriver:
    """Return a prepared board with either SFTP server."""
    if request.param == "built in":
        monkeypatch.setattr(f"{SandboxDriver.__module__}.find_sftp_server", lambda: None)
    elif find_sftp_server() is None:
        pytest.skip("sftp-server is not installed")
    await driver.prepare(visitor.public)
    return driver


async def test_scp_both_ways(
    copier: SandboxDriver, config: SandboxConfig, visitor: Visitor, tmp_path: Path
) -> None:
    local, back = tmp_path / "data", tmp_path / "back"
    local.write_bytes(DATA)
    home = config.directory / "home"
    assert (await visitor.copy(copier, str(local), "board:")).status == 0
    assert (await visitor.copy(copier, str(local), f"board:{home}/second")).status == 0
    result = await visitor.ssh(
        copier, "sha256sum < data; cmp data $HOME/second; mkdir d; mv data d"
    )
    assert result.out.split()[0].decode() == hashlib.sha256(DATA).hexdigest()
    assert result.err == b""
    assert (await visitor.copy(copier, "board:d/data", str(back))).status == 0
    assert back.read_bytes() == DATA
    assert (await visitor.copy(copier, "board:missing", str(back))).status == 1


async def test_sftp(copier: SandboxDriver, config: SandboxConfig, visitor: Visitor) -> None:
    host, port = copier.ssh_address.split(":")
    result = await run(
        *(tool("sftp"), *visitor.options(), "-b", "-", "-P", port, f"boruta-user@{host}"),
        data=b"pwd\nmkdir new\ncd new\npwd\nsymlink here there\nls -l\n",
    )
    home = config.directory / "home"
    assert result.status == 0, result.err
    assert f"Remote working directory: {home}\n" in result.out.decode()
    assert f"Remote working directory: {home}/new\n" in result.out.decode()
    assert (await visitor.ssh(copier, "readlink new/there")).out == b"here\n"


async def test_built_in_sftp_keeps_to_the_home(
    driver: SandboxDriver, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(f"{SandboxDriver.__module__}.find_sftp_server", lambda: None)
    await driver.prepare(visitor.public)
    await visitor.ssh(driver, f"ln -s {tmp_path} out")
    tmp_path.joinpath("outside").write_text("not yours")
    async with await visitor.connect(driver) as connection, connection.start_sftp_client() as sftp:
        for path in ("../../outside", str(tmp_path / "outside"), "out/outside"):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await sftp.open(path)


async def test_rsync(board: SandboxDriver, visitor: Visitor, tmp_path: Path) -> None:
    program = tool("rsync")
    source = tmp_path / "tree"
    source.mkdir()
    source.joinpath("file").write_bytes(DATA)
    host, port = board.ssh_address.split(":")
    shell = " ".join([tool("ssh"), *visitor.options(), "-p", port])
    result = await run(program, "-a", "-e", shell, f"{source}/", f"boruta-user@{host}:tree")
    assert result.status == 0, result.err
    assert (await visitor.ssh(board, "cat tree/file")).out == DATA


async def test_copying_does_not_stop_the_heart(board: SandboxDriver, visitor: Visitor) -> None:
    loop = asyncio.get_running_loop()
    beats = [loop.time()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.01)
            beats.append(loop.time())

    heart = asyncio.create_task(beat())
    result = await visitor.ssh(board, "head -c 64M /dev/zero")
    heart.cancel()
    assert len(result.out) == 64 << 20
    assert max(later - earlier for earlier, later in itertools.pairwise(beats)) < 1.0


def test_bash_is_preferred() -> None:
    assert find_shell().endswith("bash" if shutil.which("bash") else "sh")
