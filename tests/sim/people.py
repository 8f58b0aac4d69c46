"""People and CI: what they ask for, what they were told, and what they hold the farm to."""

import asyncio
import base64
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.request import NewRequest
from tests.sim.network import LostError, Network
from tests.sim.servers import ServerProcess

Answer = TypeVar("Answer")

HERE = "people"
"""Their host in the network."""

TRIES = 4
CAPS: tuple[dict[str, str], ...] = ({}, {"arch": "arm"}, {"arch": "riscv"}, {"hdmi": "yes"})
BROKEN = frozenset({"internal", "illegal-transition"})
"""Codes of refusals that can only be a fault of ours."""


@dataclass(slots=True)
class Filed:
    """Remember what somebody has filed, and what he was told of it.

    ``number`` is his own, which he also uses as Idempotency-Key. ``keys`` open his board, as he
    has been told.
    """

    number: int
    new: NewRequest
    id: int | None = None
    closed: bool = False
    keys: dict[str, int] = field(default_factory=dict)
    """Each with the tunnel's port."""


class People:
    """Call one server or another, again when nobody answers; ``wrong`` is what they complain of."""

    def __init__(self, network: Network, servers: tuple[ServerProcess, ...]) -> None:
        self._network = network
        self._servers = servers
        self.filed: list[Filed] = []
        self.wrong: list[str] = []
        self.answered = 0
        self.unanswered = 0

    async def call(
        self, first: int, work: Callable[[AssembledFarm], Coroutine[Any, Any, Answer]]
    ) -> Answer | None:
        """Return what a server answers, None when it refuses or none answers."""
        for attempt in range(TRIES):
            server = self._servers[(first + attempt) % len(self._servers)]
            process = server.process if server.serving else None
            try:
                answer = await self._network.call(HERE, server.host, process, _at(server, work))
            except (LostError, UnavailableError):
                self.unanswered += 1
                await asyncio.sleep(0.5 * 2**attempt)
                continue
            except BorutaError as refusal:
                if refusal.code in BROKEN:
                    self.wrong.append(f"an answer that cannot be: {refusal.code}: {refusal}")
                self.answered += 1
                return None
            except Exception as error:  # noqa: BLE001 - whatever it is, people cannot use it
                self.wrong.append(f"an answer that is no refusal: {error!r}")
                return None
            self.answered += 1
            return answer
        return None

    async def file(self, server: int, choice: int, now: Any) -> None:
        """File a request of one of many kinds, under a key by which it is filed once."""
        number = len(self.filed)
        start = (0.0, 0.0, 0.0, 45.0)[choice // 4 % 4]
        life = (20.0, 300.0, 9000.0, 9000.0)[choice // 16 % 4]
        image = choice // 128 % 3 == 0
        new = NewRequest(
            caps=CAPS[choice % 4],
            priority=1 + choice // 64 % 3,
            ssh_key=own_key(number) if choice // 8 % 3 == 0 else None,
            keep_alive=30 if choice % 7 == 0 else None,
            length=timedelta(seconds=40) if choice % 5 == 0 else None,
            image="https://images.example/a.img" if image else None,
            boot_until="login:" if image else None,
            context={"number": str(number)},
            valid_after=now + timedelta(seconds=start),
            deadline=now + timedelta(seconds=start + life),
            idempotency_key=f"key {number}",
            body_hash=f"hash {number}",
        )
        filed = Filed(number=number, new=new)
        self.filed.append(filed)
        await self.ask(server, filed)

    async def ask(self, server: int, filed: Filed) -> None:
        """Ask for what somebody files, for the first time or after no answer came."""
        new = filed.new
        answer = await self.call(server, lambda farm: farm.requests.new_request(LOCAL_ADMIN, new))
        if answer is None:
            return
        if any(other.id == answer.id for other in self.filed):
            self.wrong.append(f"request {answer.id} was given out twice (I7)")
        filed.id = answer.id

    async def close(self, server: int, filed: Filed) -> None:
        """Close a request and note that it is closed."""
        request_id = filed.id
        if request_id is None:
            return

        async def close(farm: AssembledFarm) -> bool:
            await farm.requests.close_request(LOCAL_ADMIN, request_id)
            return True

        if await self.call(server, close):
            filed.closed = True

    async def acquire(self, server: int, filed: Filed) -> None:
        """Ask for access and keep the key."""
        request_id = filed.id
        if request_id is None:
            return
        access = await self.call(
            server, lambda farm: farm.requests.acquire_worker(LOCAL_ADMIN, request_id)
        )
        if access is not None:
            private = access.key.removeprefix("private ")
            key = f"ssh-rsa {private}" if access.key else str(filed.new.ssh_key)
            filed.keys[key] = access.port


def _at(
    server: ServerProcess, work: Callable[[AssembledFarm], Coroutine[Any, Any, Answer]]
) -> Callable[[], Coroutine[Any, Any, Answer]]:
    return lambda: work(server.farm)


def own_key(number: int) -> str:
    """Return a public key that is nobody else's."""
    kind = b"ssh-ed25519"
    blob = struct.pack(f">I{len(kind)}sI28sI", len(kind), kind, 32, b"\7" * 28, number)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"
