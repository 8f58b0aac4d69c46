"""Run the system's own account tools, with words for their failures."""

import subprocess
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BoardError

PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
TIMEOUT: Final = 60.0
PACKAGES: Final = {"useradd": "passwd", "sshd": "openssh-server"}


def run(*command: str, accept: tuple[int, ...] = (0,)) -> str:
    """Run a tool to its end and return what it printed. Raises BoardError with its words."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": PATH, "LC_ALL": "C"},
            cwd="/",
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        package = PACKAGES.get(Path(command[0]).name, "passwd")
        raise BoardError(f"{command[0]} was not found; install it (Debian: {package})") from None
    except subprocess.TimeoutExpired:
        raise BoardError(f"{command[0]} was not done within {TIMEOUT:g} s and was ended") from None
    except OSError as error:
        raise BoardError(f"{command[0]} cannot be started: {error.strerror}") from None
    if done.returncode not in accept:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        last = words[-1] if words else "without a word"
        raise BoardError(f"{command[0]} ended with status {done.returncode}: {last}")
    return done.stdout.decode(errors="replace")
