"""`./run demo --once --driver linux` as a user runs it: system users in namespaces of their own."""

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dryad.rooms import require_root

COMMAND = (sys.executable, "-m", "boruta_farm.cli", "demo")
WITHIN = 300


def users() -> set[str]:
    """Return the names of this machine's accounts."""
    return {entry.pw_name for entry in pwd.getpwall()}


def demos() -> set[str]:
    """Return the folders of demos, and the processes that run in one."""
    found = {str(path) for path in Path("/tmp").glob("boruta-demo-*")}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"demo\0--once\0--driver\0linux" in line:
                found.add(entry.name)
    return found


@pytest.mark.prove
def test_a_board_of_system_users_is_lent_and_nothing_of_it_is_left() -> None:
    require_root()
    before = users(), demos()
    done = subprocess.run(
        (*COMMAND, "--once", "--driver", "linux"),
        capture_output=True,
        timeout=WITHIN,
        check=False,
    )
    text = done.stdout.decode()
    if b"no namespaces here" in done.stderr:
        pytest.skip(done.stderr.decode().strip())
    assert done.returncode == 0, text + done.stderr.decode()
    for words in (
        *("4 processes: ", "1 mount: tmpfs", "shared memory 0, message queue 0"),
        *("1 file or folder in /dev/shm", "in /var/tmp: ", "in /var/spool/cron: boruta-rpi4"),
        *("nothing of uid 70002 is left", "the user of another board, still runs"),
        *("the old key is refused", "all boards are IDLE"),
    ):
        assert words in text, text
    assert (users(), demos()) == before


def test_it_says_what_it_needs() -> None:
    done = subprocess.run((*COMMAND, "--driver", "linux"), capture_output=True, check=False)
    assert (done.returncode, b"runs with --once only" in done.stderr) == (2, True)
    if os.geteuid() != 0:
        done = subprocess.run(
            (*COMMAND, "--once", "--driver", "linux"), capture_output=True, check=False
        )
        assert (done.returncode, b"sudo ./run demo" in done.stderr) == (1, True)
