"""The verb that reads and checks the audit."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from boruta_farm.cli.console import FAILED, clean, legible, local_times, run
from boruta_farm.cli.options import ColumnsOption, read_moment
from boruta_farm.cli.tables import chosen, places_of
from boruta_farm.client.audit import parse_line
from boruta_farm.client.farm import Farm
from boruta_farm.model.audit import Action, AuditEntry, AuditFilter, Verification
from boruta_farm.settings.durations import parse_duration

ALL = 10**15
HEADERS = ("Number", "At", "Actor", "Source", "Action", "Subject", "Detail")


def audit(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option("--actor", help="Only what this one did.")] = None,
    action: Annotated[
        Action | None, typer.Option("--action", case_sensitive=False, help="Only this action.")
    ] = None,
    subject: Annotated[
        str | None,
        typer.Option("--subject", help="Only what was done to this, such as 'request 12'."),
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="A time, or 7d for 7 days ago.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="A time, or 7d for 7 days ago.")
    ] = None,
    after: Annotated[
        int, typer.Option("--after", metavar="NUMBER", help="Only entries behind this one.", min=0)
    ] = 0,
    columns: ColumnsOption = None,
    export: Annotated[
        bool, typer.Option("--export", help="Print the entries as JSON lines, seals included.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check the whole chain; status 1 if it is broken.")
    ] = False,
) -> None:
    """Show who did what, from where, when; or check that nobody changed it since."""
    if verify:
        _verify(context)
        return
    now, places = datetime.now(UTC), places_of(HEADERS, columns)
    where = AuditFilter(
        after=after,
        limit=ALL,
        actor=actor,
        action=None if action is None else action.value,
        subject=subject,
        since=_past(since, now, "--since"),
        until=_past(until, now, "--until"),
    )

    async def work(farm: Farm) -> None:
        async with farm.audit.lines(where) as lines:
            async for line in lines:
                if export:
                    print(legible(line))
                elif line:
                    print(_words(parse_line(line), places))

    run(context, work)


def _verify(context: typer.Context) -> None:
    async def work(farm: Farm) -> Verification:
        return await farm.audit.verify()

    found = run(context, work)
    if found.broken is not None:
        print(clean(f"the audit is broken at entry {found.broken}: {found.words}"))
        print(f"{found.entries} entries before it hold")
        raise typer.Exit(FAILED)
    if found.cut:
        print(f"entries 1 to {found.cut} were cut off, as the settings say, which the rest proves")
    waiting = f" ({found.unsealed} newer ones are being sealed)" if found.unsealed else ""
    print(f"{found.entries} entries hold{waiting}; the newest seal is")
    print(clean(f"{found.head_number}:{found.head}"))


def _words(entry: AuditEntry, places: Sequence[int] | None) -> str:
    detail = " ".join(f"{key}={text}" for key, text in entry.detail.items())
    moment = local_times(entry.at).second(entry.at, dated=True)
    action, source = entry.action, entry.source
    cells = (str(entry.number), moment, entry.actor, source, action, entry.subject, detail)
    if places is not None:
        return chosen(cells, places)
    actor = f"{entry.actor} from {source}" if source else entry.actor
    return clean("  ".join((cells[0], moment, actor, action, entry.subject, detail))).rstrip()


def _past(text: str | None, now: datetime, option: str) -> datetime | None:
    """Return a time given as such, or as how long ago. Raises BadParameter."""
    if text is None:
        return None
    try:
        return now - parse_duration(text)
    except ValueError:
        return read_moment(text, option)
