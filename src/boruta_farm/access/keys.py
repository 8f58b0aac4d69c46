"""Session keys made ahead of need."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import NoReturn

from boruta_farm.access.keymaker import decode_key
from boruta_farm.model.worker import KeyPair

logger = logging.getLogger(__name__)

KEYS_READY = 128
MAKER = (sys.executable, "-m", "boruta_farm.access.keymaker")
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
LINE_LIMIT = 8192


class RsaKeyPool:
    """Keep RSA-2048 keys ready, made by processes of their own at the lowest priority.

    ``size`` keys are held at most, by ``makers`` processes. Keys are never written to disk: a
    pool starts empty, and ``take`` waits for the first. ``first_pause`` is how many seconds
    pass before a maker that died is started again; it doubles up to a minute.
    """

    def __init__(
        self,
        size: int = KEYS_READY,
        makers: int = 1,
        *,
        command: Sequence[str] = MAKER,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        self._keys: asyncio.Queue[KeyPair] = asyncio.Queue(maxsize=size)
        self._makers = makers
        self._command = tuple(command)
        self._first_pause = first_pause
        self._trouble: str | None = None

    @property
    def ready(self) -> int:
        """Return how many keys can be taken without waiting."""
        return self._keys.qsize()

    def alive(self) -> str | None:
        """Return None while keys are made or at hand, else what is wrong."""
        return self._trouble if self._keys.empty() else None

    async def fill(self) -> NoReturn:
        """Keep the pool filled until cancelled."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._makers):
                group.create_task(self._keep_making())
        raise AssertionError("makers end only by cancellation")

    async def take(self) -> KeyPair:
        """Return a key nobody has seen, waiting while the pool is empty."""
        return await self._keys.get()

    def at_hand(self) -> KeyPair | None:
        """Return a key nobody has seen, None while the pool is empty."""
        return None if self._keys.empty() else self._keys.get_nowait()

    def give_back(self, key: KeyPair) -> None:
        """Return a key whose private half was never handed out; a full pool drops it."""
        if not self._keys.full():
            self._keys.put_nowait(key)

    async def _keep_making(self) -> NoReturn:
        pause = self._first_pause
        while True:
            made, end = await self._make()
            if made:
                pause = self._first_pause
            self._trouble = f"the process that makes session keys {end}"
            logger.error("%s; it is started again in %g s", self._trouble, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _make(self) -> tuple[int, str]:
        """Run one maker to its end; return how many keys it made and how it ended."""
        made = 0
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                limit=LINE_LIMIT,
            )
        except OSError as error:
            return made, f"cannot be started: {error.strerror}"
        try:
            assert process.stdout is not None, "the maker's output is a pipe"
            while line := await process.stdout.readline():
                await self._keys.put(decode_key(line))
                self._trouble = None
                made += 1
            return made, f"ended with code {await process.wait()}"
        except ValueError as error:
            return made, f"wrote what is no key ({type(error).__name__})"
        finally:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    if process.stdout is not None:
        # Reading to the end closes the pipe, which asyncio leaves open while reading is paused.
        await process.stdout.read()
    await process.wait()
