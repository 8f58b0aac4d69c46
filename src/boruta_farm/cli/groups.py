"""Verbs on groups of accounts."""

from typing import Annotated

import typer

from boruta_farm.cli.console import run, say
from boruta_farm.cli.options import ColumnsOption, OutputOption, output_of
from boruta_farm.cli.people import (
    JobsOption,
    JobTimeOption,
    PrioritiesOption,
    ProlongTimeOption,
    WaitingOption,
    limits_words,
    read_limits,
)
from boruta_farm.cli.tables import Listing, print_listing
from boruta_farm.client.farm import Farm
from boruta_farm.model.account import Group, GroupChange, Limits
from boruta_farm.model.errors import AccountError, GroupNotFoundError

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The group's name.")]
KeysOption = Annotated[
    bool | None,
    typer.Option(
        "--keys-for-admins/--no-keys-for-admins",
        help="Whether its group-admins may receive keys of its members' boards.",
    ),
]
JoinOption = Annotated[
    bool | None,
    typer.Option(
        "--members-join/--no-members-join",
        help="Whether its members may share each other's requests with themselves.",
    ),
]


def list_groups(
    context: typer.Context, columns: ColumnsOption = None, output: OutputOption = None
) -> None:
    """List all groups, with those of their members that you may see."""

    async def work(farm: Farm) -> Listing:
        groups = await farm.accounts.list_groups(farm.caller)
        accounts = await farm.accounts.list_accounts(farm.caller)
        return Listing(
            none="there are no groups; make one: boruta group add NAME",
            headers=("Name", "Members", "Limits", "Keys for admins", "Members join"),
            rows=[
                (
                    group.name,
                    " ".join(a.name for a in accounts if group.name in a.groups),
                    limits_words(group.limits),
                    "yes" if group.keys_for_admins else "",
                    "yes" if group.members_join else "",
                )
                for group in groups
            ],
            records=groups,
            ids=[group.name for group in groups],
        )

    print_listing(run(context, work), output_of(context, output), columns)


def add(
    context: typer.Context,
    name: NameArgument,
    keys_for_admins: KeysOption = None,
    members_join: JoinOption = None,
    priorities: PrioritiesOption = None,
    jobs: JobsOption = None,
    waiting: WaitingOption = None,
    job_time: JobTimeOption = None,
    prolong_time: ProlongTimeOption = None,
) -> None:
    """Make a group; its limits are its members' defaults."""
    limits = read_limits(Limits(), priorities, jobs, waiting, job_time, prolong_time)

    async def work(farm: Farm) -> None:
        if any(group.name == name for group in await farm.accounts.list_groups(farm.caller)):
            raise AccountError(f"there is a group {name} already; change it: boruta group set")
        change = GroupChange(
            limits=limits, keys_for_admins=keys_for_admins, members_join=members_join
        )
        await farm.accounts.save_group(farm.caller, name, change)

    run(context, work)
    say(f"group {name} is added")


def change(
    context: typer.Context,
    name: NameArgument,
    keys_for_admins: KeysOption = None,
    members_join: JoinOption = None,
    priorities: PrioritiesOption = None,
    jobs: JobsOption = None,
    waiting: WaitingOption = None,
    job_time: JobTimeOption = None,
    prolong_time: ProlongTimeOption = None,
) -> None:
    """Change a group; what is not named stays as it is."""

    async def work(farm: Farm) -> None:
        known = await _known(farm, name)
        limits = read_limits(known.limits, priorities, jobs, waiting, job_time, prolong_time)
        wanted = GroupChange(
            limits=limits, keys_for_admins=keys_for_admins, members_join=members_join
        )
        await farm.accounts.save_group(farm.caller, name, wanted)

    run(context, work)
    say(f"group {name} is changed")


def remove(context: typer.Context, name: NameArgument) -> None:
    """Remove a group that has no members."""

    async def work(farm: Farm) -> None:
        await farm.accounts.remove_group(farm.caller, name)

    run(context, work)
    say(f"group {name} is removed")


async def _known(farm: Farm, name: str) -> Group:
    for group in await farm.accounts.list_groups(farm.caller):
        if group.name == name:
            return group
    raise GroupNotFoundError(f"there is no group {name!r}; see: boruta group list")
