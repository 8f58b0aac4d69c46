"""A board that really is reached by OpenSSH: a sandbox that runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxFolder
from boruta_farm.dryad.drivers.tooled import TooledDriver
from boruta_farm.dryad.state import AgentState, Phase
from boruta_farm.dryad.tools.console.consoles import Consoles
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.model.worker import AccessInfo


@contextmanager
def reachable_board(
    folder: Path, tools: Sequence[FittedTool] = ()
) -> Iterator[tuple[AccessInfo, Path]]:
    """Keep a sandbox until the block ends; return how to reach it, and the home on it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    sandbox = SandboxDriver(SandboxConfig(directory=folder, isolation=Isolation.SUBREAPER))
    toolbox = Toolbox(tools)
    service = ToolService(toolbox, Consoles(toolbox, folder.with_name("agent")))
    driver: Driver = TooledDriver(sandbox, service) if tools else sandbox
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="board")
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    try:
        do(driver.start())
        try:
            prepared = do(driver.prepare(key.export_public_key().decode()))
            do(_tell(service, Phase.GRANTED))
            host, _, port = driver.ssh_address.partition(":")
            access = AccessInfo(
                ip=host,
                port=int(port),
                key=key.export_private_key().decode(),
                username=prepared.username,
                host_key=prepared.host_key,
            )
            yield access, SandboxFolder(folder).home
            do(_tell(service, Phase.ENDING))
            do(driver.clean())
        finally:
            do(driver.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _tell(service: ToolService, phase: Phase) -> None:
    service.look(AgentState(boot_id="boot", epoch=1, phase=phase, key="key", end=1e9))
