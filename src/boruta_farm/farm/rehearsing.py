"""Wishes tried by the same decisions that grant them, and nothing kept."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from boruta_farm.core import accounts, workers
from boruta_farm.core.permissions import check_worker
from boruta_farm.core.plan import Plan
from boruta_farm.core.world import World
from boruta_farm.farm.engine import Decision, Engine
from boruta_farm.model.caller import Caller
from boruta_farm.model.errors import LimitError
from boruta_farm.model.permission import Permission
from boruta_farm.model.wish import MOST_WISHES, Refused, Wish


async def rehearse(engine: Engine, caller: Caller, wishes: tuple[Wish, ...]) -> tuple[Refused, ...]:
    """Return which wishes would be refused, each after those before it; nothing is changed.

    Raises ForbiddenError, and LimitError for more than ``MOST_WISHES``.
    """
    caller.require(Permission.MANAGE_WORKERS)
    if len(wishes) > MOST_WISHES:
        raise LimitError(f"{len(wishes)} wishes exceed the limit of {MOST_WISHES} for one call")
    refusals = await engine.rehearse(tuple(tuple(_decisions(caller, wish)) for wish in wishes))
    return tuple(
        Refused(place=place, message=refusal.message, code=refusal.code)
        for place, refusal in enumerate(refusals)
        if refusal is not None
    )


def _decisions(caller: Caller, wish: Wish) -> Iterator[Decision[Any]]:
    if (name := wish.group) is not None:
        if (group := wish.group_change) is None:
            yield lambda world, _now: accounts.remove_group(world, caller, name)
        else:
            yield lambda world, now: accounts.save_group(world, caller, name, group, now)
    if (who := wish.account) is not None:
        if (account := wish.account_change) is None:
            yield lambda world, now: accounts.remove_account(world, caller, who, now)
        else:
            yield lambda world, now: accounts.save_account(world, caller, who, account, now)
    if wish.worker is not None:
        yield partial(_managed, caller=caller, uuid=wish.worker, groups=wish.worker_groups)
        yield from _worker_decisions(wish.worker, wish)


def _worker_decisions(uuid: str, wish: Wish) -> Iterator[Decision[Any]]:
    if (groups := wish.worker_groups) is not None:
        yield lambda world, _now: workers.set_groups(world, uuid, groups)
    if (change := wish.worker_change) is not None:
        yield lambda world, _now: workers.describe(world, uuid, change)
    if (name := wish.worker_name) is not None:
        yield lambda world, _now: workers.set_name(world, uuid, name)


def _managed(
    world: World, _now: datetime, *, caller: Caller, uuid: str, groups: tuple[str, ...] | None
) -> Plan[None]:
    check_worker(caller, workers.existing(world, uuid), groups)
    return Plan(answer=None)
