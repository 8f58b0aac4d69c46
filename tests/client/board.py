"""A board that really is reached by OpenSSH: a sandbox that runs in a thread of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncssh

from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from boruta_farm.dryad.drivers.sandbox_lease import SandboxFolder
from boruta_farm.model.worker import AccessInfo


@contextmanager
def reachable_board(folder: Path) -> Iterator[tuple[AccessInfo, Path]]:
    """Keep a sandbox until the block ends; return how to reach it, and the home on it."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    driver = SandboxDriver(SandboxConfig(directory=folder, isolation=Isolation.SUBREAPER))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="board")
    thread.start()

    def do(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    try:
        do(driver.start())
        try:
            prepared = do(driver.prepare(key.export_public_key().decode()))
            host, _, port = driver.ssh_address.partition(":")
            access = AccessInfo(
                ip=host,
                port=int(port),
                key=key.export_private_key().decode(),
                username=prepared.username,
                host_key=prepared.host_key,
            )
            yield access, SandboxFolder(folder).home
            do(driver.clean())
        finally:
            do(driver.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
