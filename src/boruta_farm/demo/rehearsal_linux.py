"""`boruta demo --once --driver linux`: what a hostile system user leaves, and how it ends."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from boruta_farm.client.openssh import Files
from boruta_farm.demo.farm import DemoFarm
from boruta_farm.demo.rehearsal import Rehearsal
from boruta_farm.demo.steps import must
from boruta_farm.dryad.proc.ipc import list_ipc
from boruta_farm.dryad.proc.mounts import list_mounts
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import AccessInfo

BOARD: Final = "rpi4"
NEIGHBOUR: Final = "boruta-rpi3"
FOUND: Final = "found and ended: "
CRONTABS: Final = Path("/var/spool/cron/crontabs")

STUBBORN: Final = """
setsid sh -c "trap '' TERM HUP INT; while :; do ./{mark}-stubborn 60; done" \
    >/dev/null 2>&1 </dev/null &
"""
SURVIVORS: Final = """
set -e
cp {mark} {mark}-nohup
cp {mark} {mark}-stubborn
nohup ./{mark}-nohup 86400 >/dev/null 2>&1 </dev/null &
{stubborn}
ipcmk -M 4096 >/dev/null
ipcmk -Q >/dev/null
echo secret >/dev/shm/{mark}
mkdir -p /var/tmp/{mark}/deep
ln -s /etc/passwd /var/tmp/{mark}/deep/link
echo {cron} > {mark}-crontab
mkdir mounted
touch immutable
"""


class LinuxRehearsal(Rehearsal):
    """Lend a board to a system user who leaves all kinds of things behind."""

    def __init__(self, demo: DemoFarm, say: Callable[[str], None]) -> None:
        super().__init__(demo, say)
        self._user = ""
        self._uid = 0
        self._log_read = 0
        self._neighbour: asyncio.subprocess.Process | None = None

    async def leave_behind(self, access: AccessInfo, files: Files) -> None:
        """Leave a daemon, and all else that a user, also one with root's rights, can leave."""
        await super().leave_behind(access, files)
        self._user = access.username
        self._log_read = len(self._log())
        self._uid = int(await self._ssh(access, files, "id", "-u"))
        home = Path((await self._ssh(access, files, "pwd")).decode().strip())
        cron = f"'* * * * * {home}/{self._mark} 86400'"
        stubborn = STUBBORN.format(mark=self._mark).strip()
        script = SURVIVORS.format(mark=self._mark, cron=cron, stubborn=stubborn)
        await self._ssh(access, files, script)
        await self._install_crontab(access, files, home)
        # With sudo a user could do this by himself; here the demo, which is root, does it.
        await self._must_run("mount", "-t", "tmpfs", "tmpfs", str(home / "mounted"))
        (home / "mounted" / "file").write_text("on a mount")
        try:
            await self._must_run("chattr", "+i", str(home / "immutable"))
            immutable = "an immutable file, "
        except BorutaError:
            immutable = ""
        self._neighbour = await asyncio.create_subprocess_exec(
            *("sleep", "86400"), user=NEIGHBOUR, group=NEIGHBOUR, extra_groups=()
        )
        self._step(
            f"left behind by uid {self._uid} as well: a nohup process, one deaf to SIGTERM, a "
            f"crontab, {immutable}a mount, shared memory, a message queue, files in /dev/shm and "
            "/var/tmp with a link to /etc/passwd"
        )

    def check_gone(self) -> None:
        """Show what the agent found, and look for ourselves."""
        super().check_gone()
        for line in self._found():
            self._step(f"{FOUND}{line}")
        left = [*self._processes_of_uid(), *self._traces()]
        must(
            self._neighbour is not None and self._neighbour.returncode is None,
            "a process of the other board on this host was ended, too",
        )
        must(not left, f"survived: {', '.join(left)}")
        must("root:" in Path("/etc/passwd").read_text(), "/etc/passwd was touched")
        self._step(
            f"nothing of uid {self._uid} is left; /etc/passwd, to which a link led, is whole"
        )
        self._step(f"the process of {NEIGHBOUR}, the user of another board, still runs")

    async def _install_crontab(self, access: AccessInfo, files: Files, home: Path) -> None:
        """Install a crontab with cron's own tool, or, without cron, as that tool would."""
        source = f"{self._mark}-crontab"
        if shutil.which("crontab"):
            await self._ssh(access, files, "crontab", source)
            return
        CRONTABS.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / source, CRONTABS / self._user)
        os.chown(CRONTABS / self._user, self._uid, self._uid)

    def _found(self) -> Iterator[str]:
        """Yield what the agent's log says that it found since."""
        for line in self._log()[self._log_read :].splitlines():
            _, mark, words = line.partition(FOUND)
            if mark:
                yield words

    def _log(self) -> str:
        return (self._demo.folder / f"{BOARD}.log").read_text()

    def _processes_of_uid(self) -> Iterator[str]:
        for process, _uid in find_owned({self._uid}):
            yield f"process {process.pid}"

    def _traces(self) -> Iterator[str]:
        for folder in ("/dev/shm", "/var/tmp", "/tmp", "/dev/mqueue", str(CRONTABS)):
            for path in Path(folder).glob("*"):
                if path.lstat().st_uid == self._uid or path.name == self._user:
                    yield str(path)
        for mount in list_mounts():
            if f"/{self._user}/" in mount.point:
                yield mount.point
        for thing in list_ipc():
            if self._uid in (thing.owner, thing.creator):
                yield str(thing)

    async def _must_run(self, *command: str) -> None:
        status, output = await self._run(command)
        must(status == 0, f"{command[0]}: {output.decode(errors='replace').strip()}")
