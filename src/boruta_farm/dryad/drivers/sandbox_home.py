"""The scratch home of the sandbox's session, and how nothing of it is left."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.drivers.sandbox_mark import MARK
from boruta_farm.dryad.dut.call import VARIABLE as DUT_SOCKET
from boruta_farm.dryad.proc.mounts import lies_in, list_mounts
from boruta_farm.model.errors import BoardError

_COUNTED = 10_000
_TEMPORARY = ".tmp"
_UNPROMPTABLE = re.compile(r"[^A-Za-z0-9@._-]")
"""What a prompt could be read otherwise for than as it is written."""
_PROMPT = (
    '[ "$BORUTA_PROMPT" = $$ ] || '
    "{{ BORUTA_PROMPT=$$; PATH={programs}:$PATH; PS1='{place}:\\w\\$ '; }}"
)
"""Set bash's prompt once for each shell, behind the machine's own files; then it is the user's.

Those files also set the path anew in login shells, so ``dut`` is put on it here.
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPlaces:
    """Say where a session finds ``dut``, and ``dut`` the agent."""

    programs: Path
    socket: Path


def find_shell() -> str:
    """Return bash where there is one, else the shell every Linux has."""
    return shutil.which("bash", path=_PATH) or "/bin/sh"


def find_sftp_server() -> str | None:
    """Return OpenSSH's SFTP server from where distributions keep it, None without one."""
    folders = "/usr/lib/openssh:/usr/libexec/openssh:/usr/lib/ssh:/usr/libexec"
    return shutil.which("sftp-server", path=folders)


def make_home(home: Path) -> None:
    """Make a home from nothing, for nobody else to read."""
    home.mkdir(mode=0o700)
    home.joinpath(_TEMPORARY).mkdir(mode=0o700)


def session_environment(
    home: Path, username: str, shell: str, mark: str, board: str, tools: ToolPlaces
) -> dict[str, str]:
    """Return all that a session's programs know; nothing of the agent's own environment.

    Temporary files go into the home, tmux's socket too, so that boards that share a machine
    share no tmux. The prompt names the board: the machine's own would tell the wrong one.
    """
    temporary = str(home / _TEMPORARY)
    place = _UNPROMPTABLE.sub("_", f"{username}@{board}")
    return {
        "PATH": f"{tools.programs}:{_PATH}",
        DUT_SOCKET: str(tools.socket),
        "HOME": str(home),
        "USER": username,
        "LOGNAME": username,
        "SHELL": shell,
        "LANG": "C.UTF-8",
        "TMPDIR": temporary,
        "TMUX_TMPDIR": temporary,
        "XDG_RUNTIME_DIR": temporary,
        "PROMPT_COMMAND": _PROMPT.format(place=place, programs=shlex.quote(str(tools.programs))),
        MARK: mark,
    }


def describe_files(home: Path) -> list[str]:
    """Return a line with the number of files in the home, none when there are none.

    Folders are made readable on the way, so nothing may be mounted below the home.
    """
    count = 0
    folders = [os.fspath(home)]
    while folders and count < _COUNTED:
        folder = folders.pop()
        with contextlib.suppress(OSError):
            Path(folder).chmod(0o700)
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    count += 1
    if not count:
        return []
    more = "more than " if folders else ""
    return [f"{more}{count} {'file' if count == 1 else 'files'} in the home"]


def find_mounts(home: Path) -> list[str]:
    """Return what is mounted at or below the home, the deepest first."""
    top = os.path.realpath(home)
    found = (mount.point for mount in list_mounts() if lies_in(mount.point, top))
    return sorted(found, key=len, reverse=True)


def remove_home(home: Path) -> list[str]:
    """Remove the home, read-only folders and very deep ones too; return what was there.

    Nothing is removed while something is mounted below it: it is not the session's. Call it
    in a thread, when no process of the session is left. Raises BoardError naming what stays.
    """
    if not os.path.lexists(home):
        return []
    mounts = find_mounts(home)
    for point in mounts:
        if os.geteuid() == 0:
            _run("umount", "-l", "--", point)
        else:
            _run(shutil.which("fusermount3") or "fusermount", "-uz", "--", point)
    if left := find_mounts(home):
        raise BoardError(f"sandbox: {left[0]} is mounted and cannot be unmounted; unmount it")
    found = describe_files(home)
    words = _run("rm", "-rf", "--", os.fspath(home))
    if os.path.lexists(home):
        _run("chmod", "-R", "u+rwx", "--", os.fspath(home))
        words = _run("rm", "-rf", "--", os.fspath(home))
    if os.path.lexists(home):
        first = words.splitlines()[0] if words else "no reason given"
        raise BoardError(
            f"sandbox: the home {home} cannot be removed: {first}; remove it by hand "
            "('chattr -R -i' where files are immutable)"
        )
    return [*found, *(f"a mount at {point}" for point in mounts)]


def _run(*command: str) -> str:
    """Run a tool of the system and return what it complained of."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"PATH": _PATH, "LC_ALL": "C"},
            check=False,
        )
    except FileNotFoundError as error:
        return str(error)
    return done.stderr.decode(errors="replace")
