"""Verbs on accounts."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from boruta_farm.cli.console import clean, failures_told, local_times, run, say
from boruta_farm.cli.options import ColumnsOption, OutputOption, output_of, settings_of
from boruta_farm.cli.parts import server_installed
from boruta_farm.cli.people import (
    JobsOption,
    JobTimeOption,
    PrioritiesOption,
    ProlongTimeOption,
    WaitingOption,
    limits_words,
    read_limits,
    read_public_key,
)
from boruta_farm.cli.tables import Listing, print_listing, print_record
from boruta_farm.client import config as configuration
from boruta_farm.client.farm import Farm
from boruta_farm.model.account import Account, AccountChange, Limits, RunningJobs
from boruta_farm.model.addresses import is_loopback
from boruta_farm.model.errors import AccountError, AccountNotFoundError
from boruta_farm.model.login import login_command
from boruta_farm.model.permission import Role
from boruta_farm.model.token import Issued
from boruta_farm.model.webhook import Webhook

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The account's name.")]
RoleOption = Annotated[
    Role | None, typer.Option("--role", case_sensitive=False, help="What the account is for.")
]
FullNameOption = Annotated[str | None, typer.Option("--full-name", help="For people to read.")]
GroupsOption = Annotated[
    list[str] | None,
    typer.Option("--group", "-g", help="The groups from now on; repeatable."),
]
NetworksOption = Annotated[
    list[str] | None,
    typer.Option(
        "--without-token-from",
        metavar="NETWORK",
        help="Calls without a token from there are this account's; repeatable.",
    ),
]
OnBoardOption = Annotated[
    bool | None,
    typer.Option(
        "--keys-on-board/--no-keys-on-board",
        help="Put the account's SSH key on its boards without being asked.",
    ),
]

RunningOption = Annotated[
    RunningJobs | None,
    typer.Option(
        "--running-jobs",
        case_sensitive=False,
        help="What becomes of running jobs that it may not have any more: end, if not given.",
    ),
]


def list_users(
    context: typer.Context, columns: ColumnsOption = None, output: OutputOption = None
) -> None:
    """List the accounts that you may see."""

    async def work(farm: Farm) -> Listing:
        accounts = await farm.accounts.list_accounts(farm.caller)
        return Listing(
            none="there are no accounts that you may see",
            headers=("Name", "Role", "Groups", "Keys", "Limits", "Full name"),
            rows=[
                (
                    account.name,
                    f"{account.role} (disabled)" if account.disabled else account.role.value,
                    " ".join(account.groups),
                    str(len(account.ssh_keys) or ""),
                    limits_words(account.limits),
                    account.full_name,
                )
                for account in accounts
            ],
            records=accounts,
            ids=[account.name for account in accounts],
        )

    print_listing(run(context, work), output_of(context, output), columns)


def show(context: typer.Context, name: NameArgument, output: OutputOption = None) -> None:
    """Show an account."""
    form = output_of(context, output)

    async def work(farm: Farm) -> None:
        account = await farm.accounts.get_account(farm.caller, name)
        moment = local_times(farm.now()).moment(account.created)
        print_record(_facts(account, moment), account, name, form)

    run(context, work)


def add(
    context: typer.Context,
    name: NameArgument,
    role: RoleOption = None,
    groups: GroupsOption = None,
    full_name: FullNameOption = None,
    networks: NetworksOption = None,
    priorities: PrioritiesOption = None,
    jobs: JobsOption = None,
    waiting: WaitingOption = None,
    job_time: JobTimeOption = None,
    prolong_time: ProlongTimeOption = None,
    invitation: Annotated[
        bool, typer.Option("--invite/--no-invite", help="Make a one-time token to sign in with.")
    ] = True,
) -> None:
    """Make an account, and a one-time token for its owner to sign in with.

    The farm's first account must be an admin's; from then on every call needs a token.
    """
    change = AccountChange(
        role=role,
        groups=None if groups is None else tuple(groups),
        full_name=full_name,
        networks=None if networks is None else tuple(networks),
        limits=read_limits(Limits(), priorities, jobs, waiting, job_time, prolong_time),
    )

    async def work(farm: Farm) -> Issued | None:
        await _check_new(farm, name)
        if invitation:
            return await farm.tokens.invite(farm.caller, name, change)
        await farm.accounts.save_account(farm.caller, name, change)
        return None

    issued = run(context, work)
    if issued is None:
        say(f"{name} is added")
    else:
        _invited(context, name, issued)


def change(
    context: typer.Context,
    name: NameArgument,
    role: RoleOption = None,
    groups: GroupsOption = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="In no group any more.")] = False,
    full_name: FullNameOption = None,
    networks: NetworksOption = None,
    no_networks: Annotated[
        bool, typer.Option("--no-networks", help="No calls without a token any more.")
    ] = False,
    keys_on_board: OnBoardOption = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Refuse everything, or not.")
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(
            "--identity",
            metavar="'ISSUER SUBJECT'",
            help="Who signs in to it by a provider: its issuer, a blank, its subject.",
        ),
    ] = None,
    no_identity: Annotated[
        bool, typer.Option("--no-identity", help="Nobody signs in to it by a provider any more.")
    ] = False,
    priorities: PrioritiesOption = None,
    jobs: JobsOption = None,
    waiting: WaitingOption = None,
    job_time: JobTimeOption = None,
    prolong_time: ProlongTimeOption = None,
    running_jobs: RunningOption = None,
) -> None:
    """Change an account; what is not named stays as it is.

    Its waiting requests are judged anew: cancelled if it may not be lent boards any more.
    """

    async def work(farm: Farm) -> Account:
        known = await farm.accounts.get_account(farm.caller, name)
        wanted = AccountChange(
            role=role,
            groups=() if no_groups else None if groups is None else tuple(groups),
            full_name=full_name,
            networks=() if no_networks else None if networks is None else tuple(networks),
            keys_on_board=keys_on_board,
            disabled=disabled,
            identity="" if no_identity else identity,
            running_jobs=running_jobs,
            limits=read_limits(known.limits, priorities, jobs, waiting, job_time, prolong_time),
        )
        return await farm.accounts.save_account(farm.caller, name, wanted)

    run(context, work)
    say(f"{name} is changed")


def invite(context: typer.Context, name: NameArgument) -> None:
    """Make a new one-time token for an account; an earlier one is void."""

    async def work(farm: Farm) -> Issued:
        await farm.accounts.get_account(farm.caller, name)
        return await farm.tokens.invite(farm.caller, name, AccountChange())

    _invited(context, name, run(context, work))


def rescue(
    name: NameArgument,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Where the farm's data lies.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The server's settings.")
    ] = None,
) -> None:
    """Make an account an admin's on the server's own machine, while the server is stopped.

    For a farm whose admins have lost their tokens.
    """
    overrides: dict[str, str | int | float | bool | list[object]] = {}
    if data is not None:
        overrides["data"] = data
    with failures_told(), server_installed():
        from boruta_farm.server.config import load
        from boruta_farm.server.invitation import login_line
        from boruta_farm.server.rescue import rescue as make_admin

        settings = load(config, overrides=overrides)
        _tell(name, make_admin(settings, name), login_line(settings))


def remove(context: typer.Context, name: NameArgument, running_jobs: RunningOption = None) -> None:
    """Remove an account and its tokens; its waiting requests are cancelled."""

    async def work(farm: Farm) -> None:
        await farm.accounts.remove_account(farm.caller, name, running_jobs or RunningJobs.END)

    run(context, work)
    say(f"{name} is removed")


def notify(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help="Where it goes, such as https://HOST/PATH."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="Have nothing told any more.")] = False,
) -> None:
    """Be told of your requests by a webhook: granted, near their end, asked about, board lost.

    Without URL it is shown. The secret that signs the messages (standardwebhooks.com) is printed.
    """
    if off and url is not None:
        raise typer.BadParameter("name a URL or --off, not both")
    wanted = "" if off else url

    async def work(farm: Farm) -> Webhook:
        if wanted is not None:
            name = (await farm.accounts.me()).name
            await farm.accounts.save_account(farm.caller, name, AccountChange(notify=wanted))
        return await farm.accounts.webhook(farm.caller)

    found = run(context, work)
    if not found.url:
        say("you are told by no webhook")
        return
    say(f"your requests are told to {found.url}, signed with this secret:")
    print(clean(found.secret))


def add_key(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.pub", help="An SSH public key.")],
    name: Annotated[str | None, typer.Option("--user", help="Whose; yours if not given.")] = None,
) -> None:
    """Add an SSH public key to your account."""
    with failures_told():
        key = read_public_key(file)

    async def work(farm: Farm) -> Account:
        account = await _own(farm, name)
        keys = tuple(dict.fromkeys((*account.ssh_keys, key)))
        return await farm.accounts.save_account(
            farm.caller, account.name, AccountChange(ssh_keys=keys)
        )

    account = run(context, work)
    say(f"{account.name} has {len(account.ssh_keys)} SSH key(s)")


def remove_key(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="TEXT", help="A part of the key or its comment.")],
    name: Annotated[str | None, typer.Option("--user", help="Whose; yours if not given.")] = None,
) -> None:
    """Remove an SSH public key from your account."""

    async def work(farm: Farm) -> Account:
        account = await _own(farm, name)
        meant = [known for known in account.ssh_keys if key in known]
        if len(meant) != 1:
            raise AccountError(f"{len(meant)} keys of {account.name} contain {key!r}, not one")
        left = tuple(known for known in account.ssh_keys if known not in meant)
        on_board = account.keys_on_board and bool(left)
        change = AccountChange(ssh_keys=left, keys_on_board=on_board)
        return await farm.accounts.save_account(farm.caller, account.name, change)

    account = run(context, work)
    say(f"{account.name} has {len(account.ssh_keys)} SSH key(s)")


async def _own(farm: Farm, name: str | None) -> Account:
    wanted = name or (await farm.accounts.me()).name
    return await farm.accounts.get_account(farm.caller, wanted)


async def _check_new(farm: Farm, name: str) -> None:
    """Keep a typing error from changing somebody else's account."""
    try:
        await farm.accounts.get_account(farm.caller, name)
    except AccountNotFoundError:
        return
    raise AccountError(f"there is an account {name} already; change it with: boruta user set")


def _invited(context: typer.Context, name: str, issued: Issued) -> None:
    """Tell how the account's owner signs in, as far as the way that we came tells it."""
    with failures_told():
        config = configuration.load(
            server=settings_of(context).server,
            profile=settings_of(context).profile,
            ca_file=settings_of(context).ca_file,
            anonymous=True,
        )
    authority = config.ca_file
    _tell(name, issued, login_command(config.server, authority and Path(authority.name)))
    if authority is not None:
        say(f"(give {authority} along: it is the authority of the farm's TLS)")
    if is_loopback(urlsplit(config.server).hostname):
        say("(on another machine, the server's own address stands in place of this one)")


def _tell(name: str, issued: Issued, command: str) -> None:
    until = local_times(issued.token.created).moment(issued.token.expires)
    say(f"{name} can sign in once, until {until}, by running")
    for line in (
        "",
        f"    {command}",
        "",
        "and pasting this token when asked, which is shown only now:",
    ):
        say(line)
    print(clean(issued.secret))


def _facts(account: Account, created: str) -> dict[str, str]:
    facts = {
        "Name": account.name,
        "Role": f"{account.role} (disabled)" if account.disabled else account.role.value,
        "Groups": " ".join(account.groups) or "none",
        "Limits": limits_words(account.limits) or "those of its groups",
        "Created": created,
    }
    if account.full_name:
        facts["Full name"] = account.full_name
    if account.identity:
        facts["Signs in as"] = account.identity
    if account.networks:
        facts["Without token from"] = " ".join(account.networks)
    for place, key in enumerate(account.ssh_keys, 1):
        facts[f"SSH key {place}"] = key
    if account.ssh_keys:
        facts["Keys on board"] = "yes" if account.keys_on_board else "when a request asks for it"
    return facts
