"""Where measures are taken: a folder on disk, data made ahead, the server and its boards."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.fill import fill
from bench.generator import GoGenerator, RateGenerator
from bench.processes import answers, fetch, free_port, running, wait_for_rest, wait_until
from bench.server import AGENTS, KEYS
from bench.wrk import WrkGenerator

START_WITHIN = 30.0
AGENTS_WITHIN, AGENT_WITHIN = 60.0, 0.05
"""Seconds for any number of agents to connect, and besides for each."""
KEYS_WITHIN = 120.0
VERSION = "/api/v1/version"


class SkippedError(Exception):
    """Tell that a measure cannot be taken on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Say what a farm holds before it is measured; see ``fill``.

    ``connected`` tells how many of the ready boards have their agents connected; None for all.
    """

    ready: int = 0
    connected: int | None = None
    maintenance: int = 0
    waiting: int = 0
    closed: int = 0


LARGE = Size(ready=1000, waiting=100_000)
"""1,000 idle boards, and 100,000 requests that wait for others."""

HUGE = Size(ready=10_000, connected=200, waiting=100_000)
"""The same with 10,000 idle boards. Those granted first have agents: one machine cannot play
10,000 agents and serve them too. The others may stay silent longer than a run takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Name a running server."""

    port: int
    pid: int
    log: Path
    rpc_port: int

    def wait_for_keys(self, count: int) -> None:
        """Wait until so many session keys are ready. Raises StartError."""
        wait_until(f"{count} keys", lambda: self._count(KEYS) >= count, KEYS_WITHIN, self.log)

    def wait_for_agents(self, count: int) -> None:
        """Wait until so many agents can be called. Raises StartError."""
        words = f"{count} agents connected"
        within = AGENTS_WITHIN + count * AGENT_WITHIN
        wait_until(words, lambda: self._count(AGENTS) >= count, within, self.log)

    def _count(self, path: str) -> int:
        found = fetch(self.port, path)
        assert isinstance(found, int), "the bench's own answer"
        return found


class Lab:
    """Lend what measures need; everything lies below one folder, which its maker removes."""

    def __init__(
        self,
        folder: Path,
        go: GoGenerator | None = None,
        wrk: RateGenerator | None = None,
        before: Path | None = None,
    ) -> None:
        """Take ``before``, a checkout of an earlier commit that some measures compare with."""
        self.folder = folder.resolve()
        self.before = before
        self.go = go
        self._wrk = wrk
        self._filled: dict[Size, Path] = {}
        self._copies = 0

    @classmethod
    def equipped(cls, folder: Path, before: Path | None = None) -> "Lab":
        """Return a lab with whatever load generators this machine can have."""
        go = GoGenerator(folder.resolve()) if shutil.which("go") else None
        wrk = WrkGenerator(folder.resolve()) if shutil.which("wrk") else None
        return cls(folder, go, wrk, before)

    @property
    def load(self) -> RateGenerator:
        """Return what can measure rates. Raises SkippedError."""
        found = self.go or self._wrk
        if found is None:
            raise SkippedError("neither go nor wrk is installed")
        return found

    @property
    def own_load(self) -> GoGenerator:
        """Return our own generator, which also follows events. Raises SkippedError."""
        if self.go is None:
            raise SkippedError("go is not installed, and wrk cannot follow events")
        return self.go

    def data(self, size: Size) -> Path:
        """Return a fresh data folder of a size; making it the first time takes a while."""
        if size not in self._filled:
            made = self.folder / f"filled-{len(self._filled)}"
            made.mkdir(mode=0o700)
            asyncio.run(
                fill(
                    made,
                    ready=size.ready,
                    maintenance=size.maintenance,
                    waiting=size.waiting,
                    closed=size.closed,
                )
            )
            self._filled[size] = made
        self._copies += 1
        return shutil.copytree(self._filled[size], self.folder / f"data-{self._copies}")

    @contextmanager
    def serve_empty(self, module: str, tree: Path | None = None) -> Iterator[Serving]:
        """Run a server over an empty folder: a module of this tree, or of another checkout."""
        self._copies += 1
        data, port = self.folder / f"data-{self._copies}", free_port()
        data.mkdir(mode=0o700)
        log = data.with_suffix(".log")
        command = [sys.executable, "-m", module, "--data", str(data), "--port", str(port)]
        environment = dict(os.environ)
        if tree is not None:
            environment["PYTHONPATH"] = f"{tree / 'src'}{os.pathsep}{tree}"
        with running(command, log, tree, environment) as pid:
            wait_until("an answer", lambda: answers(port, VERSION), START_WITHIN, log)
            yield Serving(port=port, pid=pid, log=log, rpc_port=0)

    @contextmanager
    def serve_stand_in(self, boards: int) -> Iterator[Serving]:
        """Run what stands in for the original, with so many idle boards. Raises SkippedError."""
        port, log = free_port(), self.folder / "standin.log"
        program = str(self.own_load.stand_in())
        command = [program, "-address", f"127.0.0.1:{port}", "-boards", str(boards)]
        with running(command, log) as pid:
            wait_until("an answer", lambda: answers(port, VERSION), START_WITHIN, log)
            yield Serving(port=port, pid=pid, log=log, rpc_port=0)

    @contextmanager
    def serve(
        self, size: Size, *, boards: bool = False, keys: str = "numbered"
    ) -> Iterator[Serving]:
        """Run a server over fresh data, with its boards connected where wanted."""
        data, port, rpc_port = self.data(size), free_port(), free_port()
        log = data.with_suffix(".log")
        command = [sys.executable, "-m", "bench.server", "--data", str(data), "--port", str(port)]
        command += ["--rpc-port", str(rpc_port), "--keys", keys]
        connected = size.ready if size.connected is None else size.connected
        if connected < size.ready:
            command.append("--silent-boards")
        with ExitStack() as stack:
            pid = stack.enter_context(running(command, log))
            wait_until("an answer", lambda: answers(port, VERSION), START_WITHIN, log)
            serving = Serving(port=port, pid=pid, log=log, rpc_port=rpc_port)
            if size.waiting:
                wait_until("matching", lambda: matches(port), START_WITHIN, log)
                wait_for_rest(pid, START_WITHIN, log)
            if boards:
                fleet = ["--ready", str(connected), "--maintenance", str(size.maintenance)]
                server = f"http://127.0.0.1:{port}"
                command = [sys.executable, "-m", "bench.fleet", "--server", server, *fleet]
                stack.enter_context(running(command, log))
                serving.wait_for_agents(connected + size.maintenance)
            yield serving


def matches(port: int) -> bool:
    """Tell whether a server that holds requests has read its queue."""
    found = fetch(port, "/api/v1/reqs/2/explain")
    assert isinstance(found, dict), "an explanation is an object"
    return found["Position"] is not None or bool(found["Matching"])
