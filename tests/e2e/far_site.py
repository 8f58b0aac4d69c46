"""A site with a relay of its own; run inside a network namespace of its own, the headquarters.

The site is a second namespace, joined by one link. The board answers at an address that is nowhere
but at the site, so the relay beside the server cannot dial it.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from boruta_farm.access.site_process import digest_of, load_credential
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import connect
from boruta_farm.client.openssh import command_line, find_ssh, session_files
from boruta_farm.demo.boards import DemoBoard
from boruta_farm.demo.farm import DemoProcesses
from boruta_farm.model.request import Request
from boruta_farm.model.worker import AccessInfo, WorkerState
from tests.e2e import stage
from tests.e2e.stage import CAPS, Stage, Talk, ssh
from tests.e2e.unreachable import BOARD, SERVER, FarYard, board_namespace
from tests.namespaces import run
from tests.ports import free_port

SITE = "lab-b"
AT_SITE = "10.88.0.1"
WITHIN = 5.0
"""Seconds in which another address must be told once the site's relay is gone."""
PAUSE = 0.05
RELAY = "relay"


class SiteYard(FarYard):
    """A farm whose boards are at a site, where its relay runs."""

    def __init__(self, folder: Path, port: int, namespace: int) -> None:
        super().__init__(folder, port, namespace)
        self._credential = folder / "credential"
        secret, _ = load_credential(self._credential)
        self._settings_file = folder / "boruta.toml"
        self._settings_file.write_text(
            f'[site.{SITE}]\naddress = "{BOARD}"\ncredential = "{digest_of(secret)}"\n'
        )
        packages = folder / "packages"
        own = packages / "sited-1.dist-info"
        own.mkdir(parents=True)
        (own / "METADATA").write_text("Metadata-Version: 2.1\nName: sited\nVersion: 1\n")
        (own / "entry_points.txt").write_text(
            "[boruta_farm.drivers]\nsited = tests.e2e.sited:KIND\n"
        )
        os.environ["PYTHONPATH"] = f"{packages}:{os.environ.get('PYTHONPATH', '')}"

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start the server here, and everything else at the site."""
        if name != "server":
            return await super().start(name, command, environment)
        command = (*command, "--config", str(self._settings_file))
        return await DemoProcesses.start(self, name, command, environment)

    async def start_relay(self) -> None:
        """Start the site's relay."""
        words = ("relay", "--site", SITE, "--server", self.url)
        command = (sys.executable, "-m", "boruta_farm.cli", *words)
        await self.start(RELAY, (*command, "--credential", str(self._credential)))


@asynccontextmanager
async def talking_inside(inside: tuple[str, ...], access: AccessInfo) -> AsyncIterator[Talk]:
    """Hold an SSH session open for the block, of somebody at the site."""
    with session_files(access, None) as files:
        words = command_line(find_ssh(), access, files, ("cat",), ("-o", "BatchMode=yes"))
        process = await asyncio.create_subprocess_exec(
            *inside, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            yield Talk(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def told(one: Stage, request: Request, ip: str, within: float) -> tuple[AccessInfo, float]:
    """Return the access once it is by an address, and after how many seconds that was."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        access = await one.farm.requests.acquire_worker(one.farm.caller, request.id)
        while access.ip != ip:
            await asyncio.sleep(PAUSE)  # people ask anew; nothing tells them
            access = await one.farm.requests.acquire_worker(one.farm.caller, request.id)
    return access, time.monotonic() - began


async def main(folder: Path) -> None:
    """Tell the story; every step is printed for the test that reads it."""
    async with board_namespace() as namespace:
        inside = ("nsenter", "-t", str(namespace), "-n")
        await run(*inside, "ip", "address", "add", f"{AT_SITE}/32", "dev", "lo")
        yard = SiteYard(folder, free_port(), namespace)
        try:
            await yard.begin()
            await yard.start_relay()
            board = DemoBoard(
                name="test",
                caps={**CAPS, "site": SITE},
                driver="sited",
                table={"address": AT_SITE},
            )
            await yard.start_agent(board, yard.url)
            async with connect(ClientConfig(server=yard.url)) as farm:
                one = Stage(yard, farm)
                await one.until(WorkerState.MAINTENANCE)
                await farm.workers.set_state(farm.caller, "test", WorkerState.IDLE)
                await one.until(WorkerState.IDLE)
                await play(one, yard, inside)
        finally:
            await yard.end()


async def play(one: Stage, yard: SiteYard, inside: tuple[str, ...]) -> None:
    """Lend, take things away, give them back."""
    request, _ = await one.lend()
    job = request.job
    assert job is not None
    access, _ = await told(one, request, BOARD, stage.WITHIN)
    async with talking_inside(inside, access) as talk:
        print(f"at the site: {await talk.says('hello')}")
        await run(*inside, "ip", "link", "set", "near0", "down")
        print(f"without headquarters: {await talk.says('still here')}")
        await run(*inside, "ip", "link", "set", "near0", "up")
        await yard.kill("server")
        print(f"without a server: {await talk.says('here, too')}")
        await yard.begin()
        await told(one, request, BOARD, stage.WITHIN)
        print(f"with the server again: {await talk.says('and on')}")
        await yard.kill(RELAY)
        access, seconds = await told(one, request, SERVER, WITHIN)
        print(f"killed: by the server's relay after {seconds:.2f} s")
        assert await talk.ended() == 255
    print(f"by the server's relay: {(await ssh(access, 'echo hello'))[1].strip()}")
    await yard.start_relay()
    access, _ = await told(one, request, BOARD, stage.WITHIN)
    print(f"by the site's again: {(await ssh(access, 'echo hello'))[1].strip()}")
    yard.signal(RELAY, signal.SIGSTOP)
    _, seconds = await told(one, request, SERVER, WITHIN)
    print(f"stopped: by the server's relay after {seconds:.2f} s")
    yard.signal(RELAY, signal.SIGCONT)
    access, _ = await told(one, request, BOARD, stage.WITHIN)
    async with talking_inside(inside, access) as talk:
        assert await talk.says("hello") == "hello"
        await one.close(request)
        print(f"the job's end: {await talk.ended()}")
    print(f"afterwards: {(await ssh(access, 'true'))[0]}")
    await one.until(WorkerState.IDLE, above=job.epoch)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
