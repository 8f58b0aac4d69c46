"""Options that several verbs share, and how their values are read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from boruta_farm.cli.completion import capabilities, names_and_ids, request_ids, worker_names

if TYPE_CHECKING:
    from boruta_farm.model.listing import Paginator, Sorter
    from boruta_farm.selectors.want import Want


class Output(StrEnum):
    """The form in which verbs print what they found."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    IDS = "ids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Carry the options given before the verb."""

    server: str | None = None
    profile: str | None = None
    ca_file: str | None = None
    output: Output = Output.TABLE


BoardArgument = Annotated[
    str,
    typer.Argument(
        metavar="ID|BOARD",
        autocompletion=names_and_ids,
        help="A running request, or its board.",
    ),
]


def read_want(text: str | None) -> "Want | None":
    """Return which board is wanted. Raises BadParameter."""
    from boruta_farm.model.errors import WantError
    from boruta_farm.selectors.want import parse

    try:
        return None if text is None else parse(text)
    except WantError as error:
        raise typer.BadParameter(error.message, param_hint="WANT") from None


def read_request_id(text: str) -> int:
    """Return the id of a request: 42 or r42. Raises BadParameter."""
    from boruta_farm.selectors.want import request_of

    found = request_of(text)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is no request's id; write such as 42 or r42, see: boruta ls"
        )
    return found


IdArgument = Annotated[
    int,
    typer.Argument(
        metavar="ID",
        help="Id of a request.",
        autocompletion=request_ids,
        parser=read_request_id,
    ),
]
IdsArgument = Annotated[
    list[int],
    typer.Argument(
        metavar="ID",
        help="Ids of requests.",
        autocompletion=request_ids,
        parser=read_request_id,
    ),
]
OutputOption = Annotated[
    Output | None,
    typer.Option("--output", "-o", help="Print a table for people, or json, jsonl, ids."),
]
ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAME,NAME",
        help="These columns of the table, in this order; else as many as fit a terminal.",
    ),
]
WantArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="WANT",
        autocompletion=worker_names,
        help="Which board: lab-rpi4, rpi4, board=rpi4+ram.ge.4, any.",
    ),
]
WorkerArgument = Annotated[
    str,
    typer.Argument(
        metavar="WORKER", help="Name, UUID or unique prefix.", autocompletion=worker_names
    ),
]
CapsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cap",
        "-c",
        metavar="NAME=VALUE",
        help="Capability the board must have; repeatable.",
        autocompletion=capabilities,
    ),
]
SelectorOption = Annotated[
    str | None,
    typer.Option(
        "--selector",
        "-s",
        metavar="SELECTOR",
        help="More than exact values: 'ram >= 2, board in (rpi3, rpi4), !broken'.",
    ),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Refuse what no registered board could serve.")
]
SelectorArgument = Annotated[
    str | None,
    typer.Argument(metavar="[SELECTOR]", help="Only what meets it: 'ram >= 2, arch != x86'."),
]
SortOption = Annotated[
    str | None,
    typer.Option("--sort", metavar="ITEM", help="Sort by this; -ITEM the other way round."),
]
LimitOption = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Show the first N.", min=1, max=65535)
]
PriorityOption = Annotated[
    int, typer.Option("--priority", "-p", help="1 (most important) to 16.", min=1, max=16)
]
AfterOption = Annotated[
    str | None,
    typer.Option(
        "--after",
        metavar="TIME",
        help="Not before: 18:00, 'tomorrow 9:00', 2026-01-31T18:30, or 2h from now.",
    ),
]
DeadlineOption = Annotated[
    str | None,
    typer.Option("--deadline", metavar="TIME", help="Start by then, or not at all."),
]
LengthOption = Annotated[
    str | None,
    typer.Option(
        "--for", metavar="DURATION", help="How long the job is to last, such as 3h or 2h30."
    ),
]
IdleEndOption = Annotated[
    str | None,
    typer.Option(
        "--idle-end",
        metavar="DURATION",
        help="Give the board back after it was unused this long (5m at least) while somebody waits "
        "for it; the farm's own limit counts where that is shorter.",
    ),
]
KeepAliveOption = Annotated[
    str | None,
    typer.Option(
        "--keep-alive",
        metavar="DURATION",
        help="End the job unless it is renewed this often (10s to 1h).",
    ),
]
ContextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        metavar="NAME=VALUE",
        help="Where the request comes from, such as pipeline, commit, url; repeatable. In a CI job "
        "of GitHub, GitLab or Jenkins it is known.",
    ),
]
ImageOption = Annotated[
    str | None,
    typer.Option(
        "--image",
        metavar="URL",
        help="Have this image flashed before the board is handed over; #sha256=SUM may follow.",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option("--storage", metavar="NAME", help="Which storage --image goes to, of several."),
]
BootOption = Annotated[
    str | None,
    typer.Option(
        "--boot-until",
        metavar="PATTERN",
        help="Have the board booted until its console shows this regular expression.",
    ),
]
WaitOption = Annotated[
    str | None, typer.Option("--wait", metavar="DURATION", help="Wait this long, such as 10m.")
]
QueueOption = Annotated[
    bool,
    typer.Option("--queue", help="Wait even for what no registered board could serve."),
]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="FILE.pub", help="Your own public key, instead of a new one."),
]


def output_of(context: typer.Context, output: Output | None) -> Output:
    """Return the form asked for after the verb, or before it."""
    return output or settings_of(context).output


def settings_of(context: typer.Context) -> Settings:
    """Return the options given before the verb."""
    return context.find_object(Settings) or Settings()


def read_sort(given: str | None, items: Sequence[str]) -> "Sorter | None":
    """Return how to sort by ``ITEM`` or ``-ITEM``. Raises BadParameter for one not in ``items``."""
    if given is None:
        return None
    from boruta_farm.model.listing import Sorter, SortOrder

    item = given.removeprefix("-")
    if item.lower() not in items:
        raise typer.BadParameter(
            f"{item!r} is nothing to sort by; choose {', '.join(items)}", param_hint="--sort"
        )
    order = SortOrder.DESCENDING if given.startswith("-") else SortOrder.ASCENDING
    return Sorter(item=item, order=order)


def read_limit(limit: int | None) -> "Paginator | None":
    """Return the first page of so many."""
    from boruta_farm.model.listing import Paginator

    return None if limit is None else Paginator(limit=limit)


def read_caps(given: Sequence[str] | None) -> dict[str, str]:
    """Return capabilities from ``NAME=VALUE`` texts. Raises BadParameter."""
    return read_pairs(given, "capability", "--cap")


def read_context(given: Sequence[str] | None) -> dict[str, str] | None:
    """Return a context from ``NAME=VALUE`` texts, None where none was written."""
    return read_pairs(given, "context", "--context") or None


def read_pairs(given: Sequence[str] | None, noun: str, option: str) -> dict[str, str]:
    """Return what ``NAME=VALUE`` texts say. Raises BadParameter."""
    pairs: dict[str, str] = {}
    for text in given or ():
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(
                f"{text!r} is no {noun}; write NAME=VALUE, such as board=rpi4", param_hint=option
            )
        if pairs.get(name, value) != value:
            raise typer.BadParameter(
                f"{name} cannot be both {pairs[name]!r} and {value!r}", param_hint=option
            )
        pairs[name] = value
    return pairs


def read_duration(text: str | None, option: str) -> timedelta | None:
    """Return a duration or None. Raises BadParameter."""
    from boruta_farm.settings.durations import parse_duration

    try:
        return None if text is None else parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def read_moment(text: str | None, option: str) -> datetime | None:
    """Return a moment or None. Raises BadParameter."""
    if text is None:
        return None
    from boruta_farm.cli.moments import parse_moment

    try:
        at, note = parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
    if note is not None:
        typer.echo(f"boruta: {option}: {note}", err=True)
    return at
