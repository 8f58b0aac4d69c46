"""Give a demo that needs system users a machine of its own, made of namespaces."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BorutaError

INSIDE: Final = "BORUTA_DEMO_ROOM"
SSHD: Final = Path("/usr/sbin/sshd")
HOST_KEY: Final = Path("/etc/ssh/ssh_host_ed25519_key")
TOOLS: Final = {"useradd": "passwd", "userdel": "passwd", "mount": "mount", "ip": "iproute2"}


def in_room() -> bool:
    """Tell whether this process is in a room already."""
    return INSIDE in os.environ


def enter_room(driver: str) -> None:
    """Run this command again in a room: the process becomes it. Raises BorutaError in words."""
    if os.geteuid() != 0:
        raise BorutaError(
            f"the demo of the {driver} driver makes system users, in namespaces of its own: run it "
            f"as root, such as: sudo ./run demo --once --driver {driver}"
        )
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise BorutaError(f"{tool} was not found; install it (Debian: {package})")
    if not SSHD.exists():
        raise BorutaError(f"{SSHD} was not found; install it (Debian: openssh-server)")
    python = (sys.executable, "-m")
    command = (*python, "boruta_farm.cli", "demo", "--once", "--driver", driver)
    os.execve(
        sys.executable,
        (*python, "boruta_farm.testing.room", *command),
        {**os.environ, INSIDE: "yes"},
    )


def add_group(name: str) -> None:
    """Make a group in the room, unless the machine has it already."""
    subprocess.run(("groupadd", "--force", "--system", name), check=True)


def ssh_server() -> tuple[str, ...]:
    """Make sure of a host key and return the command of the system's SSH server."""
    if not HOST_KEY.exists():
        subprocess.run(
            ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(HOST_KEY)), check=True
        )
    return (str(SSHD), "-D", "-e")
