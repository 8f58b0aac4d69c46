"""Control groups: the kernel's own of version 2, and version 1 as files."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.cleanup.cgroups import Cgroups
from boruta_farm.dryad.uids import UidRange

UIDS = UidRange(first=3_999_990, last=3_999_999)
UNIFIED = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["sleep", "86400"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def hierarchy() -> Iterator[Path]:
    """Return a hierarchy of version 2 with a user's group in it."""
    root = next((p for p in UNIFIED if (p / "cgroup.controllers").exists()), None)
    if root is None or os.geteuid() != 0:
        pytest.skip("takes root and control groups of version 2")
    group = root / "user.slice" / "user-3999991.slice" / "session-1.scope"
    try:
        group.mkdir(parents=True)
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield root
    for folder in (group, *group.parents):
        if folder == root:
            break
        with contextlib.suppress(OSError):
            folder.rmdir()


def test_a_group_is_killed_whatever_uid_its_processes_have(
    hierarchy: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    group = hierarchy / "user.slice" / "user-3999991.slice"
    (group / "session-1.scope" / "cgroup.procs").write_text(f"{sleeper.pid}")
    cgroups = Cgroups((hierarchy,))
    assert cgroups.populated(UIDS) == ["1 control group with processes: user-3999991.slice (1)"]
    cgroups.kill(UIDS)
    assert sleeper.wait(20) == -signal.SIGKILL
    assert cgroups.populated(UIDS) == []


def test_version_1_is_killed_member_by_member(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    scope = tmp_path / "user.slice" / "user-3999991.slice" / "session-c1.scope"
    scope.mkdir(parents=True)
    (scope / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    cgroups = Cgroups((tmp_path,))
    cgroups.kill(UIDS)
    assert sleeper.wait(20) == -signal.SIGKILL
    # The file still names it; what counts is whether it lives.
    assert cgroups.populated(UIDS) == []


def test_the_groups_of_others_are_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    for name in ("user-1000.slice", "user-4000000.slice", "user-.slice", "user-x.slice"):
        group = tmp_path / "user.slice" / name
        group.mkdir(parents=True)
        (group / "cgroup.procs").write_text(f"{sleeper.pid}\n")
    Cgroups((tmp_path,)).kill(UIDS)
    assert sleeper.poll() is None


def test_a_machine_without_groups_is_no_trouble(tmp_path: Path) -> None:
    cgroups = Cgroups((tmp_path / "none",))
    cgroups.kill(UIDS)
    assert cgroups.populated(UIDS) == []
