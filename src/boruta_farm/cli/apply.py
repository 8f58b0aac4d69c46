"""Verbs that keep a lab's configuration in a file: apply it, write it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import clean, failures_told, legible, run, say
from boruta_farm.cli.declaration import (
    Declaration,
    DeclaredChange,
    describe_group,
    describe_user,
    describe_worker,
    read,
)
from boruta_farm.cli.differences import Difference, State, differences, undeclared
from boruta_farm.client.farm import Farm
from boruta_farm.model import worker as model
from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.answers import Self
from boruta_farm.model.errors import ConfigError, RefusedError, RouteNotFoundError
from boruta_farm.model.permission import RULES, Permission, RoleReach
from boruta_farm.model.wish import MOST_WISHES, Wish


def apply(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The declaration, farm.toml.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be changed.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove users and groups that are not in the file.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before removing.")] = False,
) -> None:
    """Make users, groups, limits and what is told of workers what a file declares.

    Prints what differs: '+' is made, '~' changed, '-' removed. What the farm would refuse is told
    before anything is changed.
    """
    with failures_told():
        declared = read(path)

    async def compare(farm: Farm) -> tuple[Difference, ...]:
        state = await _state(farm)
        _check_first_admin(declared, state)
        if not prune:
            _tell_undeclared(undeclared(declared, state))
        return differences(declared, state, prune=prune)

    async def rehearse(farm: Farm) -> None:
        await _rehearse(farm, steps)

    steps = run(context, compare)
    _show(steps)
    if steps:
        run(context, rehearse)
    if dry_run or not steps:
        return
    removed = sum(step.change is None for step in steps)
    if removed and not yes:
        typer.confirm(f"Remove {removed} of them?", abort=True, err=True)

    async def take(farm: Farm) -> None:
        for step in steps:
            await _take(farm, step)

    run(context, take)
    say(f"boruta: {len(steps)} changed")


def export(context: typer.Context) -> None:
    """Write users, groups, limits and what is told of workers in the form that apply reads."""
    import tomli_w

    async def work(farm: Farm) -> str:
        state = await _state(farm)
        _tell_left_out(await farm.accounts.me())
        return tomli_w.dumps(
            {
                "group": {group.name: describe_group(group) for group in state.groups},
                "user": {account.name: describe_user(account) for account in state.users},
                "worker": {worker.uuid: describe_worker(worker) for worker in state.workers},
            }
        )

    print(legible(run(context, work), toml=True), end="")


def _tell_left_out(me: Self) -> None:
    if me.groups is None or RULES[Permission.SEE_PEOPLE].reach.get(me.role) is RoleReach.ALL:
        return
    say(
        f"boruta: only users that {me.name} may see are written, as {me.role}; all others are left "
        "out, and 'apply --prune' would remove them: export as an admin or auditor"
    )


async def _state(farm: Farm) -> State:
    return State(
        groups=await farm.accounts.list_groups(farm.caller),
        users=await farm.accounts.list_accounts(farm.caller),
        workers=(await farm.workers.list_workers(farm.caller)).items,
    )


def _check_first_admin(declared: Declaration, state: State) -> None:
    """Refuse to make the first accounts: from the first one on, nobody could go on.

    Raises ConfigError.
    """
    if declared.users and not state.users:
        raise ConfigError(
            "this farm has no accounts yet, and none of yours: start it with 'boruta serve "
            "--users', run 'boruta login' with the one-time token that it shows, and apply then"
        )


def _tell_undeclared(names: Iterable[str]) -> None:
    for name in names:
        say(f"boruta: {name} is not in the file and stays; --prune removes it")


def _show(steps: Iterable[Difference]) -> None:
    nothing = True
    for step in steps:
        nothing = False
        print(clean(f"{_sign(step)} {step.kind} {step.name}"))
        for words in step.words:
            print(f"    {clean(words)}")
    if nothing:
        say("boruta: the farm is as declared")


def _sign(step: Difference) -> str:
    if step.change is None:
        return "-"
    return "+" if step.new else "~"


async def _rehearse(farm: Farm, steps: Sequence[Difference]) -> None:
    """Have the farm try the steps. Raises RefusedError if it would refuse one."""
    tried = steps[:MOST_WISHES]
    if len(tried) < len(steps):
        say(f"boruta: only the first {len(tried)} of {len(steps)} changes are tried beforehand")
    try:
        refused = await farm.accounts.rehearse(farm.caller, tuple(map(_wish, tried)))
    except RouteNotFoundError:
        say("boruta: this server cannot try changes beforehand: it may refuse one midway")
        return
    for refusal in refused:
        step = steps[refusal.place]
        say(f"boruta: {step.kind} {step.name}: {refusal.message}")
    if refused:
        raise RefusedError("nothing was changed; put the file right and apply it again")


def _wish(step: Difference) -> Wish:
    match step.change:
        case DeclaredChange() as change:
            told = model.WorkerChange(labels=change.labels, notes=change.notes, photo=change.photo)
            return Wish(
                worker=step.name,
                worker_name=change.name,
                worker_groups=change.groups,
                worker_change=None if told == model.WorkerChange() else told,
            )
        case GroupChange() as change:
            return Wish(group=step.name, group_change=change)
        case AccountChange() as change:
            return Wish(account=step.name, account_change=change)
        case None if step.kind == "user":
            return Wish(account=step.name)
        case None:
            return Wish(group=step.name)


async def _take(farm: Farm, step: Difference) -> None:
    match step.change:
        case GroupChange():
            await farm.accounts.save_group(farm.caller, step.name, step.change)
        case AccountChange():
            await farm.accounts.save_account(farm.caller, step.name, step.change)
        case DeclaredChange():
            await _change_worker(farm, step.name, step.change)
        case None if step.kind == "user":
            await farm.accounts.remove_account(farm.caller, step.name)
        case None:
            await farm.accounts.remove_group(farm.caller, step.name)


async def _change_worker(farm: Farm, uuid: str, change: DeclaredChange) -> None:
    worker = await farm.workers.get_worker_info(farm.caller, uuid)
    if change.groups is not None and tuple(sorted(worker.groups)) != change.groups:
        await farm.workers.set_groups(farm.caller, uuid, change.groups)
    told = model.WorkerChange(labels=change.labels, notes=change.notes, photo=change.photo)
    if told != model.WorkerChange():
        await farm.workers.describe(farm.caller, uuid, told)
    if change.name is not None and worker.name != change.name:
        await farm.workers.set_name(farm.caller, uuid, change.name)
