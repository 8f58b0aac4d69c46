"""The ways to a board's ssh (issue 14): its own port, the front door, the server's own port."""

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.ssh_config import door_line
from boruta_farm.model.front_door import FrontDoorPlace
from boruta_farm.model.via import Via

AGENT: Final = "BORUTA_AGENT"
"""The variable that tells the command which program acts, for the farm's audit."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardWay:
    """Carry how ssh gets to a board: at its own port, or by a command that ssh runs.

    ``config`` is the farm that this command calls.
    ``door`` is a line of known_hosts for a file of which ``words`` are told.
    """

    via: Via = Via.TUNNEL
    words: tuple[str, ...] = ()
    config: ClientConfig | None = None
    door: str | None = None

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what the command finds in its environment, with the token of this moment.

        On a command line anybody could read it.
        """
        return NOTHING if self.config is None else environment_of(self.config)

    def proxy_command(self, known_hosts: Path | None = None, key: Path | None = None) -> str | None:
        """Return what ssh is told, None where it dials itself.

        ``known_hosts`` is the file that holds ``door``, ``key`` a key of the caller's own.
        """
        if not self.words:
            return None
        words = list(self.words)
        if self.door is not None:
            options = ["-o", "BatchMode=yes", "-o", "ServerAliveInterval=10"]
            if known_hosts is not None:
                options += ["-o", f"UserKnownHostsFile={shlex.quote(str(known_hosts))}"]
                options += ["-o", "GlobalKnownHostsFile=/dev/null"]
                options += ["-o", "StrictHostKeyChecking=yes"]
            if key is not None:
                options += ["-i", str(key)]
            words[1:1] = options
        return shlex.join(words).replace("%", "%%")


DIRECT: Final = BoardWay()


def environment_of(config: ClientConfig) -> Mapping[str, str]:
    """Return the variables by which programs of ours call the same farm with the same rights."""
    told = {"BORUTA_SERVER": config.server}
    if config.bearer is not None:
        told["BORUTA_TOKEN"] = config.bearer
    if config.ca_file is not None:
        told["BORUTA_CA_FILE"] = str(config.ca_file.absolute())
    if config.agent:
        told[AGENT] = config.agent
    return told


def https_way(config: ClientConfig, request_id: int) -> BoardWay:
    """Return the way over the server's own port."""
    # Not from the folder that somebody happens to be in: what lies there is not ours.
    words = (sys.executable, "-P", "-m", "boruta_farm.client.tunnel", str(request_id))
    return BoardWay(via=Via.HTTPS, words=words, config=config)


def door_way(ssh: str, host: str, place: FrontDoorPlace, request_id: int) -> BoardWay:
    """Return the way by the front door, whose host key the server tells."""
    words = (ssh, "-p", str(place.port), host, "connect", f"r{request_id}")
    return BoardWay(via=Via.DOOR, words=words, door=door_line(host, place.port, place.key))
