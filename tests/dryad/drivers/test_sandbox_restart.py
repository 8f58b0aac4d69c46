"""What of a sandbox survives the end of its agent, orderly or not."""

import asyncio
import shutil
import sys
from dataclasses import replace

from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from tests.dryad.drivers.sandboxes import TIMEOUT, Visitor, gone, leave_daemon, running, unique


async def test_close_ends_processes_and_restart_keeps_port_key_and_home(
    driver: SandboxDriver, config: SandboxConfig, visitor: Visitor
) -> None:
    prepared = await driver.prepare(visitor.public)
    address = driver.ssh_address
    word = unique()
    await leave_daemon(driver, visitor, word)
    await visitor.ssh(driver, "touch kept")
    await driver.close()
    assert running(word) == []
    again = SandboxDriver(config)
    await again.start()
    try:
        assert again.ssh_address == address
        assert (await visitor.ssh(again, "true")).status == 255
        assert await again.resume(visitor.public)
        assert (await visitor.ssh(again, "ls")).out == b"kept\n"
        assert (await again.prepare(visitor.public)).host_key == prepared.host_key
    finally:
        await again.clean()
        await again.close()


async def test_a_copy_of_the_folder_ends_nothing_of_the_session(
    driver: SandboxDriver, config: SandboxConfig, visitor: Visitor
) -> None:
    await driver.prepare(visitor.public)
    word = unique()
    await leave_daemon(driver, visitor, word)
    copy = replace(config, directory=config.directory.with_name("copy"))
    copy.directory.mkdir(mode=0o700)
    for name in ("host_key", "lease.json"):
        shutil.copy2(config.directory / name, copy.directory)
    clone = SandboxDriver(copy)
    await clone.start()
    try:
        assert not await clone.resume(visitor.public)
        await clone.clean()
    finally:
        await clone.close()
    assert len(running(word)) == 1
    assert (await visitor.ssh(driver, "echo still")).out == b"still\n"


CRASHING = """
import asyncio, sys
from pathlib import Path
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation

async def main():
    driver = SandboxDriver(SandboxConfig(
        directory=Path(sys.argv[1]), isolation=Isolation(sys.argv[2]), grace=float(sys.argv[3])))
    await driver.start()
    await driver.prepare(sys.argv[4])
    print(driver.ssh_address, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def crash(config: SandboxConfig, visitor: Visitor, word: str, grace: float) -> None:
    """Run an agent in another process, leave a daemon in its session, kill the agent."""
    assert config.isolation is not None
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CRASHING),
        *(str(config.directory), config.isolation, str(grace), visitor.public),
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    address = (await asyncio.wait_for(agent.stdout.readline(), TIMEOUT)).decode().strip()
    other = SandboxDriver(config)
    other._port = int(address.split(":")[1])
    await leave_daemon(other, visitor, word)
    agent.kill()
    await agent.wait()


async def test_resume_after_a_crash(config: SandboxConfig, visitor: Visitor) -> None:
    word = unique()
    await crash(config, visitor, word, grace=60)
    driver = SandboxDriver(config)
    await driver.start()
    try:
        assert (await visitor.ssh(driver, "true")).status == 255
        assert await driver.resume(visitor.public)
        assert len(running(word)) == 1
        assert (await visitor.ssh(driver, "echo again")).out == b"again\n"
        await driver.clean()
        assert running(word) == []
    finally:
        await driver.close()


async def test_clean_after_a_crash(config: SandboxConfig, visitor: Visitor) -> None:
    word = unique()
    await crash(config, visitor, word, grace=60)
    driver = SandboxDriver(config)
    await driver.start()
    try:
        assert any(f"sleep {word}"[:60] in line for line in await driver.clean())
        assert running(word) == []
        assert not await driver.resume(visitor.public)
    finally:
        await driver.close()


async def test_a_session_without_agent_ends_itself(config: SandboxConfig, visitor: Visitor) -> None:
    word = unique()
    await crash(config, visitor, word, grace=0.5)
    for process in running(word):
        await gone(process)
    assert running(word) == []
