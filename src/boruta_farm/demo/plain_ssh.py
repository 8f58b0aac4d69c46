"""The line by which plain ssh gets one of the demo's boards, whatever the user's own keys are."""

import asyncio
import shlex
import shutil
from pathlib import Path

from boruta_farm.client.farm import Farm
from boruta_farm.client.ssh_config import DoorBlock, door_line
from boruta_farm.model.errors import BorutaError, NotFoundError
from boruta_farm.model.front_door import DOMAIN, FrontDoorPlace

HOST = "127.0.0.1"
LOOKS = 100
PAUSE = 0.1
"""How often, and with which pause in seconds, it is looked whether the door is open."""


async def plain_ssh(farm: Farm, folder: Path) -> str | None:
    """Write a key and a configuration into the demo's folder, and return how ssh is called.

    The configuration pins the door's host key, so that nothing is asked. None without OpenSSH.
    """
    ssh, keygen = shutil.which("ssh"), shutil.which("ssh-keygen")
    if ssh is None or keygen is None:
        return None
    place = await opened_door(farm)
    identity, known_hosts, config = (folder / name for name in ("id", "known_hosts", "ssh.config"))
    making = await asyncio.create_subprocess_exec(
        *(keygen, "-q", "-t", "ed25519", "-N", "", "-C", "boruta demo", "-f", str(identity))
    )
    if await making.wait():
        raise BorutaError("ssh-keygen could not make a key for the demo")
    known_hosts.write_text(f"{door_line(HOST, place.port, place.key)}\n")
    block = DoorBlock(
        host=HOST, port=place.port, ssh=ssh, identity=identity, known_hosts=known_hosts
    )
    config.write_text(f"{block.text()}\n")
    return f"ssh -F {shlex.quote(str(config))} rpi4{DOMAIN}"


async def opened_door(farm: Farm) -> FrontDoorPlace:
    """Return where the door is, once its process has told the server."""
    for _ in range(LOOKS):
        try:
            return await farm.front_door()
        except NotFoundError:
            await asyncio.sleep(PAUSE)
    return await farm.front_door()
