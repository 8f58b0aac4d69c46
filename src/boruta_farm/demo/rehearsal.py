"""`boruta demo --once`: lend one board from end to end, with the system's own OpenSSH."""

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from boruta_farm.client.openssh import Files, command_line, find_ssh, session_files
from boruta_farm.client.session import close_request, file_request, wait_for_board
from boruta_farm.client.waiting import Progress
from boruta_farm.client.watch import Lost
from boruta_farm.demo.farm import DemoFarm
from boruta_farm.demo.steps import Steps, must
from boruta_farm.dryad.proc.processes import list_processes, read_command_line
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import NewRequest, Request
from boruta_farm.model.worker import TOOL_CAPABILITY, AccessInfo, WorkerState
from boruta_farm.words.explanation import headline
from boruta_farm.words.times import Times

MEBIBYTE = 1 << 20
CAPS = {"board": "rpi4"}


class Rehearsal(Steps):
    """Lend one board and take it back, printing every step with its time.

    Any step that does not happen as it should raises BorutaError.
    """

    def __init__(self, demo: DemoFarm, say: Callable[[str], None]) -> None:
        super().__init__(say)
        self._demo = demo
        self._farm = demo.farm
        self.caps = CAPS
        self._mark = f"boruta-left-behind-{secrets.token_hex(8)}"

    async def rehearse(self) -> None:
        """Do it all."""
        self._step("farm is up: " + ", ".join(f"{w.name} IDLE" for w in self._demo.workers))
        first = await self._file("takes the board")
        await self._wait(first)
        second = await self._file("has to wait for it")
        access, request = await self._take_over(first, second)
        with session_files(access, None) as files:
            await self._use(access, files)
            await self.leave_behind(access, files)
            async with self._watching_idle(request) as idle:
                await self._close(second)
                await self._in_time("the board to be cleaned", idle)
            self.check_gone()
            await self._check_key_is_dead(files)
        await self._check_all_idle()

    async def _file(self, why: str) -> int:
        request_id = (await file_request(self._farm, NewRequest(caps=self.caps, priority=8))).id
        wanted = ", ".join(f"{name}={value}" for name, value in self.caps.items())
        self._step(f"request {request_id} for {wanted} filed: {why}")
        return request_id

    async def _wait(self, request_id: int) -> Request:
        request = await self._in_time(
            "the grant", wait_for_board(self._farm, request_id, report=self._report)
        )
        assert request.job is not None
        self._step(
            f"request {request_id} runs on worker {self._name(request.job.worker)}, "
            f"epoch {request.job.epoch}, until {request.job.timeout:%H:%M:%S} UTC"
        )
        return request

    def _report(self, progress: Progress) -> None:
        if progress.explanation is not None and progress.explanation.position is not None:
            self._step(headline(progress.explanation, Times(now=self._farm.now())))

    async def _take_over(self, first: int, second: int) -> tuple[AccessInfo, Request]:
        """Close the first request once the second is seen waiting behind it."""
        waiting = await self._farm.requests.explain(self._farm.caller, second)
        must(waiting.position == 1, f"request {second} does not wait in the first place")
        must(bool(waiting.holders), "nobody seems to hold the board that is waited for")
        self._step(headline(waiting, Times(now=self._farm.now())))
        await self._close(first)
        request = await self._wait(second)
        access = await self._farm.requests.acquire_worker(self._farm.caller, second)
        must(access.host_key is not None, "the board's host key is not known")
        self._step(f"acquired: {access.username}@{access.host} port {access.port}, key handed out")
        return access, request

    async def _use(self, access: AccessInfo, files: Files) -> None:
        """Run a command and copy a file there and back, the host key checked."""
        answer = await self._ssh(access, files, "uname", "-a")
        self._step(f"ssh: uname -a: {answer.decode().strip()}")
        data = secrets.token_bytes(MEBIBYTE)
        there = self._demo.folder / "there"
        back = self._demo.folder / "back"
        there.write_bytes(data)
        board = f"{access.username}@{access.host}:copy"
        await self._scp(access, files, str(there), board)
        there_hash = await self._ssh(access, files, "sha256sum", "copy")
        digest = hashlib.sha256(data).hexdigest()
        must(there_hash.decode().startswith(digest), "the file arrived changed on the board")
        await self._scp(access, files, board, str(back))
        must(back.read_bytes() == data, "the file came back changed")
        self._step(f"scp: 1 MiB there and back, unchanged (sha256 {digest[:12]}...)")
        if self._has("power"):
            state = await self._ssh(access, files, "dut power cycle 0s && dut power state")
            must(state.startswith(b"on"), "the device is not on after a power cycle")
            self._step(f"ssh: dut power cycle 0s && dut power state: {state.decode().strip()}")
        if self._has("storage"):
            saved = "(dut flash copy && dut save - | head -c 1048576 | sha256sum) 2>/dev/null"
            on_card = await self._ssh(access, files, saved)
            must(on_card.decode().startswith(digest), "the card does not hold what was flashed")
            self._step("ssh: dut flash, dut save: the simulated card holds the same")

    def _has(self, kind: str) -> bool:
        return all(f"{TOOL_CAPABILITY}{kind}" in w.caps for w in self._demo.workers)

    async def leave_behind(self, access: AccessInfo, files: Files) -> None:
        """Leave a daemon behind as a careless or hostile user would.

        It bears a name of its own, so that it can be told from all others in the process list.
        """
        plant = f'cp "$(command -v sleep)" {self._mark} && mkfifo begun'
        daemon = f"'echo >begun; exec ./{self._mark} 86400'"
        start = f"(setsid sh -c {daemon} >/dev/null 2>&1 </dev/null &) && read begun <begun"
        await self._ssh(access, files, f"{plant} && {start}")
        must(bool(_processes(self._mark)), "the planted daemon does not run")
        self._step("a setsid daemon is left behind by the session, and runs")

    async def _close(self, request_id: int) -> None:
        trouble = await close_request(self._farm, request_id)
        must(trouble is None, trouble or "")
        self._step(f"request {request_id} closed")

    def check_gone(self) -> None:
        """See that nothing of what was left is there any more."""
        left = _processes(self._mark)
        must(not left, f"the planted daemon survived: {left}")
        self._step("the board is IDLE again; the daemon is gone")

    async def _check_key_is_dead(self, files: Files) -> None:
        """Try the old key on the next user's session: same board, same port."""
        third = await self._file("to try the old key on the next job")
        await self._wait(third)
        access = await self._farm.requests.acquire_worker(self._farm.caller, third)
        status, output = await self._run(
            command_line(find_ssh(), access, files, ("true",), ("-o", "BatchMode=yes"))
        )
        must(status == 255, f"the old key still works (status {status})")
        must("Permission denied" in output.decode(), "the board refuses for another reason")
        self._step("the old key is refused: Permission denied")
        if self._has("power"):
            with session_files(access, None) as own:
                state = await self._ssh(access, own, "dut power state")
            must(state.startswith(b"off"), "the next user finds the device switched on")
            self._step(f"the next user finds the device {state.decode().strip()}")
        request = await self._farm.requests.get_request_info(self._farm.caller, third)
        async with self._watching_idle(request) as idle:
            await self._close(third)
            await self._in_time("the board to be cleaned", idle)

    async def _check_all_idle(self) -> None:
        workers = (await self._farm.workers.list_workers(self._farm.caller)).items
        odd = [f"{w.name} is {w.state}" for w in workers if w.state is not WorkerState.IDLE]
        must(not odd, ", ".join(odd))
        self._step("all boards are IDLE")

    @asynccontextmanager
    async def _watching_idle(self, request: Request) -> AsyncIterator[asyncio.Task[None]]:
        """Follow the request's worker from before something happens until it is IDLE after it."""
        assert request.job is not None
        uuid, epoch = request.job.worker, request.job.epoch
        listening = asyncio.Event()

        async def until_idle() -> None:
            async with self._farm.watch(worker=uuid) as happenings:
                async for happening in happenings:
                    listening.set()
                    if isinstance(happening, Lost):
                        continue
                    worker = await self._farm.workers.get_worker_info(self._farm.caller, uuid)
                    must(worker.state is not WorkerState.FAILED, f"worker: {worker.reason}")
                    if worker.state is WorkerState.IDLE and worker.epoch > epoch:
                        return

        watching = asyncio.create_task(until_idle())
        try:
            await self._in_time("events", listening.wait())
            yield watching
        finally:
            watching.cancel()

    async def _ssh(self, access: AccessInfo, files: Files, *command: str) -> bytes:
        arguments = command_line(find_ssh(), access, files, command, ("-o", "BatchMode=yes"))
        status, output = await self._run(arguments)
        must(status == 0, f"ssh ended with status {status}: {output.decode(errors='replace')}")
        return output

    async def _scp(self, access: AccessInfo, files: Files, source: str, target: str) -> None:
        status, output = await self._run(_scp_line(access, files, source, target))
        must(status == 0, f"scp ended with status {status}: {output.decode(errors='replace')}")

    async def _run(self, arguments: Sequence[str]) -> tuple[int, bytes]:
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
        except FileNotFoundError:
            raise BorutaError(f"{arguments[0]} was not found; install OpenSSH's client") from None
        output, _ = await self._in_time(arguments[0], process.communicate())
        return process.returncode or 0, output

    def _name(self, uuid: str) -> str:
        return next((w.name for w in self._demo.workers if w.uuid == uuid), uuid)


def _scp_line(access: AccessInfo, files: Files, source: str, target: str) -> list[str]:
    """Return scp's arguments: those of ssh, but for the spelling of the port."""
    _ssh, _port_option, port, *options, _place = command_line("ssh", access, files)
    return ["scp", "-q", "-P", port, *options, source, target]


def _processes(mark: str) -> list[int]:
    """Return the processes of this machine whose command line bears the mark."""
    others = (pid for pid in list_processes() if pid != os.getpid())
    return [pid for pid in others if mark.encode() in read_command_line(pid)]
