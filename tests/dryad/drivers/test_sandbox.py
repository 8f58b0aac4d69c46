"""The sandbox as a board: who gets in, what is left, what survives a restart."""

import asyncio
import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest

from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.proc.descendants import find_descendants
from boruta_farm.model.errors import BoardError, ConfigError, KeyRefusedError
from boruta_farm.model.worker import NOT_FORWARDED, PORTS_FACT
from tests.dryad.drivers.sandboxes import (
    TIMEOUT,
    USER,
    Visitor,
    gone,
    leave_daemon,
    run,
    running,
    tool,
    unique,
)
from tests.security_keys import KINDS, SecurityKey, agent_of


async def test_nobody_gets_in_before_prepare(driver: SandboxDriver, visitor: Visitor) -> None:
    result = await visitor.ssh(driver, "true")
    assert result.status == 255
    assert b"Permission denied" in result.err


async def test_prepare_lets_the_key_in(driver: SandboxDriver, visitor: Visitor) -> None:
    prepared = await driver.prepare(visitor.public)
    assert prepared.username == USER
    assert prepared.host_key is not None
    assert prepared.host_key.startswith("ssh-ed25519 AAAA")
    assert (await visitor.ssh(driver, "echo in")).out == b"in\n"


async def test_the_announced_host_key_is_the_servers(
    driver: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    prepared = await driver.prepare(visitor.public)
    host, port = driver.ssh_address.split(":")
    known = tmp_path / "known_hosts"
    known.write_text(f"[{host}]:{port} {prepared.host_key}\n")
    async with await _strict(driver, visitor, known) as connection:
        assert (await connection.run("echo known")).stdout == "known\n"


async def test_a_certificate_is_shown_beside_the_host_key(
    driver: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    prepared = await driver.prepare(visitor.public)
    assert prepared.host_key is not None
    host, port = driver.ssh_address.split(":")
    authority = asyncssh.generate_private_key("ssh-ed25519")
    key = asyncssh.import_public_key(prepared.host_key)
    made = authority.generate_host_certificate(key, "one", principals=[host])
    await driver.certify(made.export_certificate().decode().strip())
    known = tmp_path / "known_hosts"
    vouched = authority.export_public_key().decode()
    for line in (f"@cert-authority * {vouched}", f"[{host}]:{port} {prepared.host_key}\n"):
        known.write_text(line)
        async with await _strict(driver, visitor, known) as connection:
            assert (await connection.run("echo known")).stdout == "known\n"
    foreign = authority.generate_host_certificate(authority.convert_to_public(), "one")
    with pytest.raises(BoardError, match="not of this board's host key"):
        await driver.certify(foreign.export_certificate().decode().strip())
    with pytest.raises(BoardError, match="cannot be read"):
        await driver.certify("nonsense")


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
async def test_a_security_key_lets_in(
    driver: SandboxDriver, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("k")
    token, lazy = SecurityKey(kind), SecurityKey(kind, flags=0)
    await driver.prepare(token.line)
    await driver.let_in((lazy.line,), ())
    host, port = driver.ssh_address.split(":")
    for key, status in ((token, 0), (lazy, 255)):
        public = folder / f"{status}.pub"
        public.write_text(key.line)
        with agent_of(key, folder / str(status)) as agent:
            result = await run(
                *(tool("ssh"), "-F", "none", "-o", f"IdentityAgent={agent}", "-i", str(public)),
                *("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"),
                *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"),
                *("-p", port, f"{USER}@{host}", "echo in"),
            )
        assert result.status == status, result.err
        assert key.signed == 1, "a signature was asked for, and judged"


async def _strict(
    driver: SandboxDriver, visitor: Visitor, known: Path
) -> asyncssh.SSHClientConnection:
    host, port = driver.ssh_address.split(":")
    return await asyncssh.connect(
        *(host, int(port)),
        username=USER,
        client_keys=[visitor.key],
        known_hosts=str(known),
        config=None,
    )


async def test_other_keys_and_names_are_refused(
    board: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    stranger = Visitor(tmp_path, "stranger")
    assert (await stranger.ssh(board, "true")).status == 255
    assert (await visitor.ssh(board, "true", user="root")).status == 255
    assert (await visitor.ssh(board, "true")).status == 0


async def test_authorize_replaces_the_key(
    board: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    owner = Visitor(tmp_path, "owner")
    async with await visitor.connect(board) as early:
        await board.authorize(owner.public)
        await asyncio.wait_for(early.wait_closed(), TIMEOUT)
    assert (await visitor.ssh(board, "true")).status == 255
    assert (await owner.ssh(board, "true")).status == 0


async def test_authorize_needs_a_prepared_board(driver: SandboxDriver, visitor: Visitor) -> None:
    with pytest.raises(BoardError, match="not prepared"):
        await driver.authorize(visitor.public)


@pytest.mark.parametrize("line", ["ssh-rsa not-a-key", "ssh-ed25519 AAAA Jörg"])
async def test_a_bad_key_changes_nothing(board: SandboxDriver, visitor: Visitor, line: str) -> None:
    await visitor.ssh(board, "touch kept")
    for call in (board.prepare, board.authorize, board.resume):
        with pytest.raises(KeyRefusedError, match="public key cannot be used"):
            await call(line)
    assert (await visitor.ssh(board, "ls")).out == b"kept\n"


async def test_old_rsa_signatures_are_taken(driver: SandboxDriver, tmp_path: Path) -> None:
    old = Visitor(tmp_path, "old", "ssh-rsa")
    await driver.prepare(old.public)
    command = old.command(driver, "echo old")
    command[1:1] = ["-o", "PubkeyAcceptedAlgorithms=ssh-rsa"]
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), TIMEOUT)
    assert out == b"old\n"


@pytest.mark.parametrize("environment", ["kept", "bare"])
async def test_clean_ends_a_daemon(
    board: SandboxDriver, visitor: Visitor, environment: str
) -> None:
    word = unique()
    await leave_daemon(board, visitor, word, environment)
    found = await board.clean()
    assert running(word) == []
    assert any(f"sleep {word}"[:60] in line for line in found), found


async def test_clean_ends_those_who_fork_faster(
    board: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    # The script lies outside the home, or removing that would be what ends the chase.
    script, hops = tmp_path / "relay.sh", tmp_path / "hops"
    hops.touch()
    # Each relay starts its successor and ends: no process lives longer than a few milliseconds.
    script.write_text('trap "" TERM; echo >> $1; if [ $2 -gt 0 ]; then sh $0 $1 $(($2 - 1)) & fi\n')
    start = (
        f"for i in 1 2 3 4; do setsid sh {script} {hops} 5000 </dev/null >/dev/null 2>&1 & done; "
        f"until [ $(wc -c < {hops}) -gt 40 ]; do sleep 0.01; done"
    )
    assert (await visitor.ssh(board, start)).status == 0
    await board.clean()
    size = hops.stat().st_size
    for _ in range(20):
        assert running(str(hops)) == []
    assert hops.stat().st_size == size < 20_000


async def test_clean_ends_connections_and_the_key(board: SandboxDriver, visitor: Visitor) -> None:
    async with await visitor.connect(board) as connection:
        process = await connection.create_process("echo on; cat")
        assert await process.stdout.readline() == "on\n"
        found = await board.clean()
        await asyncio.wait_for(connection.wait_closed(), TIMEOUT)
    assert "1 open connection" in found
    assert (await visitor.ssh(board, "true")).status == 255


async def test_clean_removes_the_home(
    board: SandboxDriver, config: SandboxConfig, visitor: Visitor
) -> None:
    await visitor.ssh(board, "mkdir -p a/b && touch a/b/c a/d && chmod 0 a/b && chmod 500 a")
    found = await board.clean()
    assert "2 files in the home" in found
    assert not (config.directory / "home").exists()


async def test_clean_is_idempotent(board: SandboxDriver) -> None:
    await board.clean()
    assert await board.clean() == ()


async def test_clean_leaves_others_alone(
    board: SandboxDriver, config: SandboxConfig, visitor: Visitor, tmp_path: Path
) -> None:
    neighbour = SandboxDriver(replace(config, directory=tmp_path / "neighbour"))
    await neighbour.start()
    try:
        await neighbour.prepare(visitor.public)
        word = unique()
        await leave_daemon(neighbour, visitor, word)
        await board.clean()
        assert len(running(word)) == 1
        assert (await visitor.ssh(neighbour, "true")).status == 0
        await neighbour.clean()
        assert running(word) == []
    finally:
        await neighbour.close()


async def test_prepare_starts_from_nothing(board: SandboxDriver, visitor: Visitor) -> None:
    word = unique()
    await visitor.ssh(board, "touch mine")
    await leave_daemon(board, visitor, word)
    await board.prepare(visitor.public)
    assert running(word) == []
    assert (await visitor.ssh(board, "ls")).out == b""


async def test_clean_finds_the_processes_of_a_dead_keeper(tmp_path: Path, visitor: Visitor) -> None:
    config = SandboxConfig(directory=tmp_path / "sandbox", isolation=Isolation.SUBREAPER)
    driver = SandboxDriver(config)
    await driver.start()
    try:
        await driver.prepare(visitor.public)
        word = unique()
        await leave_daemon(driver, visitor, word)
        assert await driver.lost() == ""
        await visitor.ssh(driver, "kill -KILL $PPID")
        assert len(running(word)) == 1
        assert "keeper is gone" in await driver.lost()
        with pytest.raises(BoardError, match="keeper is gone"):
            await driver.healthcheck()
        assert (await visitor.ssh(driver, "true")).status == 254
        await driver.clean()
        assert running(word) == []
    finally:
        await driver.close()


async def test_a_namespace_cannot_be_left_by_killing_its_keeper(
    tmp_path: Path, visitor: Visitor
) -> None:
    driver = SandboxDriver(SandboxConfig(directory=tmp_path / "sandbox"))
    await driver.start()
    try:
        if (await driver.facts())["Isolation"] != Isolation.PID_NAMESPACE:
            pytest.skip("this kernel allows no PID namespace")
        await driver.prepare(visitor.public)
        await visitor.ssh(driver, "kill -KILL 1; kill -TERM 1; kill -INT 1")
        assert (await visitor.ssh(driver, "echo alive")).out == b"alive\n"
    finally:
        await driver.close()


async def test_nothing_to_resume(driver: SandboxDriver, visitor: Visitor) -> None:
    assert not await driver.resume(visitor.public)


async def test_a_second_agent_is_refused(driver: SandboxDriver, config: SandboxConfig) -> None:
    with pytest.raises(ConfigError, match="another agent uses"):
        await SandboxDriver(config).start()


async def test_a_taken_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        driver = SandboxDriver(SandboxConfig(directory=tmp_path / "sandbox", port=port))
        with pytest.raises(BoardError, match=f"127.0.0.1 port {port}"):
            await driver.start()


async def test_healthcheck(board: SandboxDriver, config: SandboxConfig, tmp_path: Path) -> None:
    await board.healthcheck()
    full = SandboxDriver(replace(config, directory=tmp_path / "full", min_free=1 << 62))
    with pytest.raises(BoardError, match="does not listen"):
        await full.healthcheck()
    await full.start()
    try:
        with pytest.raises(BoardError, match="free some space"):
            await full.healthcheck()
    finally:
        await full.close()


async def test_maintenance_is_shown_at_login(driver: SandboxDriver, visitor: Visitor) -> None:
    await driver.put_in_maintenance("new card,\nback at noon")
    command = [word.replace("LogLevel=ERROR", "LogLevel=INFO") for word in visitor.command(driver)]
    result = await run(*command, "true")
    assert b"not available: new card, back at noon" in result.err


async def test_it_is_a_driver(config: SandboxConfig) -> None:
    driver: Driver = SandboxDriver(config)
    with pytest.raises(BoardError, match="not started"):
        _ = driver.ssh_address


async def test_facts(driver: SandboxDriver, config: SandboxConfig) -> None:
    facts = await driver.facts()
    assert facts["Isolation"] == config.isolation
    assert facts[PORTS_FACT] == NOT_FORWARDED
    assert facts["SSH"].startswith("asyncssh ")
    assert facts["Kernel"].startswith("Linux ")


async def test_a_session_knows_nothing_of_the_agent(
    board: SandboxDriver, visitor: Visitor, monkeypatch: pytest.MonkeyPatch, config: SandboxConfig
) -> None:
    monkeypatch.setenv("BORUTA_TOKEN", "secret")
    await board.prepare(visitor.public)
    result = await visitor.ssh(board, "env; pwd; tr '\\0' '\\n' < /proc/$PPID/environ")
    home = config.directory / "home"
    assert b"secret" not in result.out
    assert {f"HOME={home}", f"USER={USER}", f"PWD={home}", str(home)} <= {
        *result.out.decode().splitlines()
    }


def open_files() -> int:
    """Count the open files of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_nothing_is_left_behind(config: SandboxConfig, visitor: Visitor) -> None:
    before = {process.pid for process in find_descendants(os.getpid())}
    files = open_files()
    driver = SandboxDriver(config)
    await driver.start()
    await driver.prepare(visitor.public)
    await visitor.ssh(driver, "true")
    await driver.clean()
    await driver.close()
    assert {process.pid for process in find_descendants(os.getpid())} <= before
    assert open_files() <= files
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL


async def test_a_shared_session_tells_who_is_there_and_parts_with_one_alone(
    board: SandboxDriver, visitor: Visitor, tmp_path: Path
) -> None:
    friend, other = Visitor(tmp_path, "friend"), Visitor(tmp_path, "other", "ecdsa-sha2-nistp256")
    lines = [" ".join(one.public.split()[:2]) for one in (friend, other, visitor)]
    await board.let_in((lines[0], lines[1], "ssh-ed25519 nonsense"), ())
    async with (
        await visitor.connect(board) as mine,
        await friend.connect(board) as his,
        await other.connect(board) as hers,
    ):
        assert await board.visitors() == dict.fromkeys(lines, 1)
        word = unique()
        # What is asked for by its word has begun when it speaks.
        doing = await his.create_process(f"exec sh -c 'echo begun; read held' {word}")
        assert await asyncio.wait_for(doing.stdout.readline(), TIMEOUT) == "begun\n"
        (program,) = running(word)
        ending = asyncio.create_task(gone(program))
        await asyncio.sleep(0)
        await board.let_in((lines[1],), (lines[0],))
        await asyncio.wait_for(his.wait_closed(), TIMEOUT)
        await ending
        assert doing.is_closing()
        assert (await mine.run("echo here")).stdout == "here\n"
        assert (await hers.run("echo here")).stdout == "here\n"
        assert await board.visitors() == dict.fromkeys(lines[1:], 1)
    assert (await friend.ssh(board, "true")).status == 255
    assert (await other.ssh(board, "true")).status == 0
    await board.clean()
    assert (await other.ssh(board, "true")).status == 255


async def test_the_ports_of_those_who_are_signed_in_are_told(
    board: SandboxDriver, visitor: Visitor
) -> None:
    host, _, port = board.ssh_address.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    async with await visitor.connect(board) as connection:
        told = connection.get_extra_info("sockname")[1]
        assert await board.sessions() == {told}, "who only knocks is not told"
    writer.close()
    await writer.wait_closed()
    await board.clean()
    assert await board.sessions() == frozenset()
