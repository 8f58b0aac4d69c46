"""``boruta worker borrow``: a board that is out of service, for who looks after it."""

from typing import Annotated

import typer

from boruta_farm.cli.options import (
    LengthOption,
    WaitOption,
    WorkerArgument,
    read_duration,
    read_want,
)
from boruta_farm.cli.ssh import SshRun, carry_out
from boruta_farm.client.session import DEFAULT_KEEP_ALIVE, DEFAULT_PRIORITY
from boruta_farm.model.request import NewRequest


def borrow(
    context: typer.Context,
    name: WorkerArgument,
    wait: WaitOption = None,
    length: LengthOption = None,
    ssh_arguments: Annotated[
        list[str] | None,
        typer.Option(
            "--ssh-arg", metavar="ARG", help="Passed to ssh as it is, such as -t; repeatable."
        ),
    ] = None,
) -> None:
    """Open a shell on a board in MAINTENANCE or FAILED, or run the command after --.

    The board is cleaned and prepared for you alone and has its tools (dut). At the end it is
    cleaned again and goes back to where it was: one in MAINTENANCE stays there until somebody
    says: boruta worker idle. Exits as boruta ssh does.
    """
    span, wish_wait = read_duration(length, "--for"), read_duration(wait, "--wait")
    want = read_want(name)
    if want is None or want.request is not None:
        raise typer.BadParameter("name a board, not a request", param_hint="WORKER")
    command = tuple(context.meta.get("boruta.command", ()))

    def wish() -> SshRun:
        new = NewRequest(
            caps=None,
            borrow=True,
            priority=DEFAULT_PRIORITY,
            keep_alive=DEFAULT_KEEP_ALIVE,
            length=span,
        )
        return SshRun(
            new=new,
            want=want,
            request_id=None,
            wait=wish_wait,
            own=None,
            command=command,
            extra=tuple(ssh_arguments or ()),
        )

    carry_out(context, wish)
