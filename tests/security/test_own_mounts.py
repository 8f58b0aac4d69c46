"""Threat: a session mounts a file system of its own on its home: root may not even look at that.

The board's agent failed at it in every health check, and wherever it gives the session a key.
"""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from boruta_farm.dryad.users.accounts import has_home
from boruta_farm.dryad.users.host import SystemAccount

if os.geteuid() != 0 or sys.platform != "linux":
    pytest.skip("mounts something, which takes root", allow_module_level=True)

UID = 70_123
NEW_MOUNTS, PRIVATE, BELOW = 0x00020000, 1 << 18, 1 << 14
SEEN, CANNOT = 0, 77


def look(home: Path) -> int:
    """Mount a user's file system on the home, for this process alone, and look for the home."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        return CANNOT
    options = f"fd={device},rootmode=40000,user_id={UID},group_id={UID}"
    if (
        libc.unshare(NEW_MOUNTS)
        or libc.mount(b"none", b"/", None, PRIVATE | BELOW, None)
        or libc.mount(b"own", os.fsencode(home), b"fuse", 0, options.encode())
    ):
        return CANNOT
    with pytest.raises(PermissionError):
        home.stat()
    return SEEN if has_home(SystemAccount(name=home.name, uid=UID, home=home)) else 1


def test_a_home_is_found_whatever_its_user_has_mounted_on_it(tmp_path: Path) -> None:
    home = tmp_path / "boruta-user"
    home.mkdir()
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            status = look(home)
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == CANNOT:
        pytest.skip("no such file system can be mounted here")
    assert status == SEEN


def test_a_home_that_is_none_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "file").touch()
    for name in ("link", "file", "nothing"):
        assert not has_home(SystemAccount(name=name, uid=UID, home=tmp_path / name))
    assert not has_home(SystemAccount(name="x", uid=UID, home=tmp_path / "nothing" / "x"))
