"""Verbs that let colleagues onto a request's board, and who is there."""

from typing import Annotated

import typer

from boruta_farm.cli.console import run, say
from boruta_farm.cli.options import IdArgument
from boruta_farm.client.farm import Farm
from boruta_farm.model.errors import (
    AgentUnreachableError,
    InvalidError,
    RefusedError,
    RouteNotFoundError,
    SharingError,
)
from boruta_farm.model.request import Request, RequestState
from boruta_farm.words.counts import count

ONE_KEY = "one key only: the board's agent is older, or not ours"
AccountArgument = Annotated[
    str | None, typer.Argument(metavar="[ACCOUNT]", help="An account's name; your own if left out.")
]


def share(context: typer.Context, request_id: IdArgument, account: AccountArgument = None) -> None:
    """Let a colleague's own SSH keys open the board's session, for this request only.

    He connects by 'boruta ssh ID'; end, limits and closing stay with the owner. Without ACCOUNT
    you join a colleague of your group yourself, where the group lets its members do so.
    """

    async def work(farm: Farm) -> Request:
        return await farm.requests.share_request(farm.caller, request_id, account)

    _tell(run(context, work, f"request {request_id}"))


def unshare(
    context: typer.Context,
    request_id: IdArgument,
    account: AccountArgument = None,
    keep_sessions: Annotated[
        bool,
        typer.Option("--keep-sessions", help="Let what is open go on; nothing new can be opened."),
    ] = False,
) -> None:
    """Take a colleague's keys off the board again, and end what he has opened there."""

    async def work(farm: Farm) -> Request:
        return await farm.requests.unshare_request(
            farm.caller, request_id, account, keep_sessions=keep_sessions
        )

    _tell(run(context, work, f"request {request_id}"))


def _tell(request: Request) -> None:
    names = ", ".join(request.shared_names or ())
    print(f"request {request.id} is shared with {names or 'nobody'}")
    if request.job is not None and request.job.keys_pending:
        say("boruta: its board has not taken the change yet; it will as soon as it is in reach")


async def presence(farm: Farm, request: Request) -> dict[str, str]:
    """Return who is on the board of a running request, nothing where the caller may not know."""
    if request.state is not RequestState.IN_PROGRESS or request.job is None:
        return {}
    try:
        found = await farm.requests.list_sessions(farm.caller, request.id)
    except (RouteNotFoundError, RefusedError):
        # An older server does not tell, nor does one whose caller is neither owner nor guest.
        return {}
    except SharingError:
        return {"Keys": ONE_KEY}
    except (InvalidError, AgentUnreachableError) as error:
        return {"There": f"not known: {error.message}"}
    there = ", ".join(
        f"{entry.account or 'unknown'} ({count(entry.count, 'session')})" for entry in found
    )
    facts = {"There": there or "nobody"}
    if request.job.keys_pending:
        facts["Keys"] = "its board has not taken the last change yet"
    return facts
