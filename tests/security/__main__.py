"""Perform every attack that `docs/security.md` promises to withstand, in a room of their own.

``./run prove security [PYTEST OPTION ...]``. The room has processes, mounts, network and IPC of its
own, which end with it; a control group bounds its processes and memory, and a clock its time. What
this machine cannot make is told, and left out. Only root makes rooms; others attack without.
"""

import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
SECTION = "## Attacks, and what is promised"
TEST = re.compile(r"`(tests/[\w/.]+)`")

PROCESSES = 1024
MEMORY = 4 * 1024**3
SECONDS = 900.0
GRACE = 20.0

HIERARCHIES = (
    (Path("/sys/fs/cgroup/pids"), {"pids.max": PROCESSES}),
    (Path("/sys/fs/cgroup/memory"), {"memory.limit_in_bytes": MEMORY}),
    (Path("/sys/fs/cgroup"), {"pids.max": PROCESSES, "memory.max": MEMORY}),
)
"""Where version 1 keeps its limits, each in a place of its own, and version 2 all of them."""


def attacks() -> list[str]:
    """Return the tests that the page names, each once, in its order."""
    section = PAGE.read_text().partition(f"{SECTION}\n")[2].partition("\n## ")[0]
    return list(dict.fromkeys(TEST.findall(section)))


def main(options: list[str]) -> int:
    """Run them and return pytest's status."""
    command = [sys.executable, "-m", "pytest", "-m", "prove or not prove", "-p", "no:cacheprovider"]
    command += [*options, *attacks()]
    if os.geteuid() == 0:
        command = [sys.executable, "-m", "boruta_farm.testing.room", "--bind", str(ROOT), *command]
    else:
        print("not root: no room and no control group; what needs them is left out")
    groups = bounded()
    try:
        return attend(command)
    finally:
        release(groups)


def bounded() -> list[Path]:
    """Move this process into control groups with limits; return them."""
    made: list[Path] = []
    for place, limits in HIERARCHIES:
        group = place / f"boruta-prove-{os.getpid()}"
        if not any((place / name).exists() for name in ("tasks", "cgroup.controllers")):
            continue
        try:
            group.mkdir()
            made.append(group)
            for name, limit in limits.items():
                (group / name).write_text(str(limit))
            (group / "cgroup.procs").write_text("0")
        except OSError:
            continue
        print(f"bounded by {group}: {limits}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return made


def attend(command: list[str]) -> int:
    """Run a command for so long at most, and end all of it then."""
    running = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return running.wait(SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as reason:
        print(f"ended: {reason or 'interrupted'}", file=sys.stderr)
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(GRACE)
        except subprocess.TimeoutExpired:
            # The room's processes end with its first one, and that with this.
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        return 1


def release(groups: list[Path]) -> None:
    """Leave the control groups and remove them."""
    for group in groups:
        (group.parent / "cgroup.procs").write_text("0")
        try:
            group.rmdir()
        except OSError as error:
            print(f"{group} stays: {error.strerror}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
