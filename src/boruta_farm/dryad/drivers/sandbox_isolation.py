"""Find out by trying which isolation of processes the kernel allows."""

import asyncio
import os
import shutil
from enum import StrEnum

from boruta_farm.model.errors import BoardError

_NAMESPACE = ("--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
_OWN_USER = ("--user", "--map-current-user")
_TRIAL = ("/bin/sh", "-c", 'test "$$" = 1 && test -d /proc/1')
_TRIAL_TIMEOUT = 10.0


class Isolation(StrEnum):
    """Say how the processes of a session are kept together.

    ``PID_NAMESPACE``: the kernel ends all of them with the first, none can get out.
    ``SUBREAPER``: orphans come back to the keeper, which finds and kills them one by one.
    """

    PID_NAMESPACE = "pid-namespace"
    SUBREAPER = "subreaper"


async def _succeeds(command: tuple[str, ...]) -> bool:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return await asyncio.wait_for(process.wait(), _TRIAL_TIMEOUT) == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False


async def find_isolation(wanted: Isolation | None) -> tuple[Isolation, tuple[str, ...]]:
    """Return the isolation to use and the command that a keeper is started behind.

    None takes the best there is. A user namespace is only added where it is needed (not for
    root). Raises BoardError when the wanted isolation is not to be had.
    """
    if wanted is not Isolation.SUBREAPER:
        unshare = shutil.which("unshare")
        plain = ((),) if os.geteuid() == 0 else ()
        for user in (*plain, _OWN_USER) if unshare else ():
            prefix = (str(unshare), *user, *_NAMESPACE)
            if await _succeeds((*prefix, *_TRIAL)):
                return Isolation.PID_NAMESPACE, prefix
        if wanted is Isolation.PID_NAMESPACE:
            raise BoardError(
                "sandbox: this machine allows no PID namespace ('unshare --user --pid' failed or "
                "is not installed); allow user namespaces or set the isolation to 'subreaper'"
            )
    return Isolation.SUBREAPER, ()
