"""What it costs to know who calls, and how soon a revoked token is dead."""

import asyncio
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

from starlette.types import Scope as Connection

from bench.lab import Lab
from bench.table import Row
from boruta_farm.clock import SystemClock
from boruta_farm.farm.assembly import AssembledFarm
from boruta_farm.model.account import Account
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Permission, Role, Scope
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.token import Token, TokenKind, compose, digest_of
from boruta_farm.store.base import Transaction
from boruta_farm.store.sqlite import SqliteStore
from boruta_farm.testing.boards import SimulatedBoards
from boruta_farm.testing.simulation import PlainCipher
from boruta_farm.web.auth import Entrance, People

ACCOUNTS = 10_000
CALLS = 20_000
REVOKED = 50
ADMIT_WITHIN = 100.0
"""Microseconds that authentication may cost per call."""
DEAD_WITHIN = 1.0
"""Seconds after which a revoked token must be dead."""


def auth(_lab: Lab) -> list[Row]:
    """Measure in one process, over a durable store."""
    with tempfile.TemporaryDirectory(prefix="boruta-bench-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    clock = SystemClock()
    settings = FarmSettings()
    store = SqliteStore(folder / "farm.db", clock, settings)
    await store.start()
    try:
        farm = AssembledFarm(store, settings, clock, PlainCipher(), SimulatedBoards(clock))
        await farm.directory.load()
        secrets = [_secret(number) for number in range(ACCOUNTS)]
        await store.execute(_filling(secrets))
        people = People(
            gate=farm.directory, accounts=farm.accounts, tokens=farm.tokens, audit=farm.audit
        )
        entrance = Entrance(people, clock, source_rate=1e9, account_rate=1e9)
        first = await _admitted(entrance, secrets)
        again = await _admitted(entrance, [secrets[n * 97 % ACCOUNTS] for n in range(CALLS)])
        deaths = [await _death(farm, number, secrets[number]) for number in range(REVOKED)]
    finally:
        await store.close()
    return [
        Row(
            name=f"authentication per call, {ACCOUNTS:,} accounts",
            value=f"{again:.1f} us; a token's first call {first:.1f} us",
            aim=f"<= {ADMIT_WITHIN:g} us",
            met=again <= ADMIT_WITHIN,
        ),
        Row(
            name="revoking a token until it is dead",
            value=f"median {median(deaths) * 1e3:.1f} ms, longest {max(deaths) * 1e3:.1f} ms",
            aim=f"<= {DEAD_WITHIN:g} s",
            met=max(deaths) <= DEAD_WITHIN,
        ),
    ]


async def _admitted(entrance: Entrance, secrets: list[str]) -> float:
    """Return the microseconds per call, token, limits and rights included."""
    connections: list[Connection] = [
        {
            "client": ("192.0.2.1", 50000),
            "headers": [
                (b"host", b"farm"),
                (b"accept", b"*/*"),
                (b"authorization", f"Bearer {secret}".encode()),
            ],
        }
        for secret in secrets
    ]
    begun = time.perf_counter()
    for connection in connections:
        await entrance.admit(connection, Permission.FILE_REQUESTS)
    return (time.perf_counter() - begun) / len(connections) * 1e6


async def _death(farm: AssembledFarm, number: int, secret: str) -> float:
    """Return the seconds from asking to revoke a token until it is refused."""
    begun = time.perf_counter()
    await farm.tokens.revoke(LOCAL_ADMIN, _id(number))
    try:
        farm.directory.admit(secret, "192.0.2.1")
    except UnauthenticatedError:
        return time.perf_counter() - begun
    return float("inf")


def _id(number: int) -> str:
    return f"{number:010x}"


def _secret(number: int) -> str:
    return compose(TokenKind.SERVICE, _id(number), f"{number:043d}")


def _filling(secrets: list[str]) -> Callable[[Transaction, datetime], None]:
    def decide(tx: Transaction, now: datetime) -> None:
        for number, secret in enumerate(secrets):
            account = Account(id=_id(number), name=f"user-{number}", role=Role.USER, created=now)
            tx.save_identity(account, EventKind.ACCOUNT_CHANGED)
            token = Token(
                id=_id(number),
                account=account.id,
                kind=TokenKind.SERVICE,
                scope=Scope.REQUEST,
                name="bench",
                digest=digest_of(secret),
                created=now,
                expires=now + timedelta(days=1),
                issuer="bench",
            )
            tx.save_identity(token, EventKind.TOKEN_ISSUED)

    return decide
