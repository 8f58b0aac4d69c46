"""Processes that share one virtual loop: each can be killed or stopped by itself."""

import asyncio
import heapq
from collections.abc import Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVar

from boruta_farm.testing.loop import VirtualLoop

Result = TypeVar("Result")

RUNS_IN: ContextVar["Process | None"] = ContextVar("runs_in", default=None)
"""The process to which a task, and whatever it begins, belongs."""


ROUND = 1e-6
MOMENT = 0.05
MOST_ROUNDS = 30_000
"""Rounds of the loop in 50 ms of virtual time, beyond which somebody spins: it is a busy loop."""


class SpinningError(Exception):
    """a task comes back again and again without waiting for anything"""


class KilledError(BaseException):
    """the process was killed in the middle of this very step"""


class SimulationLoop(VirtualLoop):
    """A virtual loop on which nothing of a stopped process runs, while time goes on for others."""

    def __init__(self) -> None:
        self._rounds = self._since = 0
        self._still = 0.0
        super().__init__()
        self.stopped: set[Process] = set()
        self.set_task_factory(_own)
        vars(self._jumping)["select"] = self._skip

    def time(self) -> float:
        """Return the virtual seconds; each round of the loop takes one more microsecond.

        Else whoever waits for what is left of a time too short to be told apart waits for ever.
        """
        return self._jumping.skipped + self._rounds * ROUND

    def _skip(self, timeout: float | None = None) -> list[Any]:
        """Skip a wait: here nothing comes from outside, so the system need not be asked."""
        if timeout is None:
            raise RuntimeError("every task waits for something that cannot happen")
        self._jumping.skipped += max(timeout, 0.0)
        return []

    def _run_once(self) -> None:
        self._rounds += 1
        skipped = self._jumping.skipped
        if skipped - self._still > MOMENT:
            self._still, self._since = skipped, self._rounds
        elif self._rounds - self._since > MOST_ROUNDS:
            # Whoever ends the loop needs some rounds more.
            self._since = self._rounds
            raise SpinningError(self._spinning())
        if self.stopped:
            self._set_aside()
        super()._run_once()  # type: ignore[misc]  # asyncio's own; what is ready is only there

    def _set_aside(self) -> None:
        """Keep what is ready in a stopped process for the time when it goes on."""
        ready = self._ready  # type: ignore[attr-defined]
        for _ in range(len(ready)):
            handle = ready.popleft()
            process = handle._context.get(RUNS_IN)
            if process is not None and process in self.stopped:
                process.held.append(handle)
            else:
                ready.append(handle)

    def _spinning(self) -> str:
        """Return who is about to run."""
        found = []
        for handle in self._ready:  # type: ignore[attr-defined]
            owner = getattr(handle._callback, "__self__", None)
            if isinstance(owner, asyncio.Task):
                stack = owner.get_stack()
                place = f"{stack[-1].f_code.co_name}:{stack[-1].f_lineno}" if stack else ""
                found.append(f"{owner.get_coro()!r} at {place}")
            else:
                found.append(repr(handle))
        return "; ".join(found)

    def stop_timers(self, process: "Process") -> None:
        """Keep a process' timers from ringing."""
        kept: list[Any] = []
        timers: list[Any] = vars(self)["_scheduled"]
        for timer in timers:
            owner = timer._context.get(RUNS_IN)
            (process.timers if owner is process else kept).append(timer)
        heapq.heapify(kept)
        vars(self)["_scheduled"] = kept

    def start_again(self, process: "Process") -> None:
        """Run what was held back, and ring what should have rung meanwhile."""
        self._ready.extend(process.held)  # type: ignore[attr-defined]
        for timer in process.timers:
            heapq.heappush(vars(self)["_scheduled"], timer)
        process.held.clear()
        process.timers.clear()


def _own(
    loop: asyncio.AbstractEventLoop,
    work: Any,
    context: Context | None = None,
) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context)
    process = RUNS_IN.get() if context is None else context.get(RUNS_IN)
    if process is not None:
        process.tasks[task] = None
        task.add_done_callback(process.forget)
    return task


class Process:
    """Own tasks; ``dead`` once it was killed: what it has done is done, what it would do is not."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.death = asyncio.Event()
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.held: list[Any] = []
        self.timers: list[Any] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SimulationLoop)
        self._loop = loop
        context = copy_context()
        context.run(RUNS_IN.set, self)
        self._context = context

    @property
    def stopped(self) -> bool:
        """Tell whether it is stopped (SIGSTOP), so that time passes it by."""
        return self in self._loop.stopped

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Run something as a task of this process."""
        return self._loop.create_task(work, context=self._context.copy())

    def stop(self) -> None:
        """Stop everything of it where it stands."""
        if not self.dead and not self.stopped:
            self._loop.stopped.add(self)
            self._loop.stop_timers(self)

    def go_on(self) -> None:
        """Go on after ``stop``, harmless when it was not stopped."""
        if self.stopped:
            self._loop.stopped.discard(self)
            self._loop.start_again(self)

    def die(self) -> None:
        """Be dead from this moment on: disk and network take nothing of it any more."""
        if not self.dead:
            self.dead = True
            self.death.set()

    async def bury(self) -> None:
        """Remove what is left of a dead process; nothing of that reaches anybody."""
        assert self.dead
        self.go_on()
        while left := [task for task in self.tasks if task is not asyncio.current_task()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left)

    def forget(self, task: "asyncio.Task[Any]") -> None:
        """Forget a task that has ended; what it raised is told by whoever awaits it."""
        self.tasks.pop(task, None)
        if self.dead and not task.cancelled():
            task.exception()
