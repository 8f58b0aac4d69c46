"""The machine itself: Python, rights, tools, and what the agent's files allow."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.users.keys import FOLDER as KEYS
from boruta_farm.dryad.users.sshd import on_tmpfs
from boruta_farm.dryad.users.tools import PATH

OLDEST = (3, 11)
TOOLS = {"useradd": "passwd", "userdel": "passwd", "sshd": "openssh-server"}
"""What the drivers for real users run, and the Debian package that has it."""

OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS = stat.S_IRWXG | stat.S_IRWXO
ROOM = 16 << 20


def check_system(config: AgentConfig, *, users: bool) -> Iterator[Finding]:
    """Check what does not depend on the network; with ``users`` what system users need, too."""
    yield _python(sys.version_info[:2])
    if users:
        yield _rights(os.geteuid())
        yield from _tools()
        yield from check_keys(KEYS)
    yield _configuration(config.path)
    yield from _state(config.state_dir)


def _python(version: tuple[int, int]) -> Finding:
    words = "Python " + ".".join(str(part) for part in version)
    if version < OLDEST:
        return wrong("system", f"{words} is too old", "install Python 3.11 (Debian 12 has it)")
    return good("system", words)


def _rights(uid: int) -> Finding:
    if uid != 0:
        return advice(
            "system",
            "the doctor runs without root's rights and cannot see everything",
            "run it as the agent runs: sudo dryad doctor",
        )
    return good("system", "the doctor sees everything: it runs as root")


def _tools() -> Iterator[Finding]:
    for tool, package in TOOLS.items():
        if shutil.which(tool, path=PATH) is None:
            yield wrong("system", f"{tool} is not installed", f"apt install {package}")
        else:
            yield good("system", f"{tool} is installed")


def check_keys(folder: Path) -> Iterator[Finding]:
    """Check where session keys lie: sshd refuses them where others could replace a folder."""
    if on_tmpfs(folder):
        yield good("system", f"session keys lie in memory ({folder})")
    else:
        yield advice(
            "system",
            f"{folder} is not in memory: after a power cut a session key lies on the disk",
            "mount a tmpfs on /run, as systemd does",
        )
    for place in (folder, *folder.parents):
        if not place.exists():
            continue
        found = place.stat()
        if found.st_uid != 0 or found.st_mode & OTHERS_WRITE:
            yield wrong(
                "system",
                f"{place} belongs to uid {found.st_uid}, mode {stat.S_IMODE(found.st_mode):o}: "
                "sshd refuses keys below it",
                f"chown root {place}; chmod go-w {place}",
            )


def _configuration(path: Path) -> Finding:
    mode = path.stat().st_mode
    if mode & OTHERS_WRITE:
        return wrong(
            "files",
            f"{path} can be changed by others than its owner: whoever does is root at the next "
            "start",
            f"chmod go-w {path}",
        )
    return good("files", f"{path} is whole, and only its owner can change it")


def _state(folder: Path) -> Iterator[Finding]:
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        yield wrong(
            "files",
            f"state_dir: {folder} cannot be written to",
            f"chown it to the agent's user, and mount its file system writable ({there})",
        )
        return
    if folder.exists() and folder.stat().st_mode & OTHERS:
        yield wrong(
            "files",
            f"state_dir: {folder} is open to others: the board's credential lies in it",
            f"chmod 700 {folder}",
        )
    else:
        yield good("files", f"state_dir {folder} is the agent's own")
    credential = folder / "credential"
    if credential.exists() and credential.stat().st_mode & OTHERS:
        yield wrong(
            "files",
            f"{credential} can be read by others, who could pose as this board",
            f"chmod 600 {credential}; deregister the worker and remove the file if others did",
        )
    free = shutil.disk_usage(there).free
    if free < ROOM:
        yield wrong(
            "files",
            f"state_dir: {free >> 20} MiB are free: the agent could not store a session's state",
            f"make room on the file system of {there}",
        )
