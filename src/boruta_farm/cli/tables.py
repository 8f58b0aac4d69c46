"""Tables for people, JSON and ids for scripts."""

import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import typer

from boruta_farm.cli.console import clean, legible, say
from boruta_farm.cli.options import Output
from boruta_farm.records.writing import write

STYLES = {
    "IDLE": "green",
    "IN PROGRESS": "green",
    "DONE": "green",
    "RUNNING": "cyan",
    "WAITING": "yellow",
    "PREPARE": "yellow",
    "BUSY": "yellow",
    "MAINTENANCE": "magenta",
    "FAILED": "red",
    "INVALID": "red",
    "TIMEOUT": "red",
    "CANCELLED": "dim",
}
GAP = "  "


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Carry what a verb found in all the forms it can be printed in; they have equal length.

    ``spare`` are the headers that a narrow terminal can do without, the first first; of the
    others those further right go before them. ``seldom`` are those that are left out where they
    are empty, unless they are asked for. ``none`` is said where there is nothing.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    records: Sequence[object]
    ids: Sequence[str]
    none: str
    spare: Sequence[str] = ()
    seldom: Sequence[str] = ()


def print_listing(listing: Listing, output: Output, columns: str | None) -> None:
    """Print a list in the form asked for; ``columns`` are names with commas between them.

    Raises BadParameter for a column that there is none of.
    """
    places = places_of(listing.headers, columns)
    match output:
        case Output.JSON:
            print(as_json(listing.records, indent=2))
        case Output.JSONL:
            for record in listing.records:
                print(as_json(record))
        case Output.IDS:
            for known in listing.ids:
                print(clean(known))
        case Output.TABLE if not listing.rows and places is None:
            say(f"boruta: {listing.none}")
        case Output.TABLE:
            cells = [[clean(cell) for cell in row] for row in listing.rows]
            if places is None and sys.stdout.isatty():
                places = fitting(listing, cells, shutil.get_terminal_size().columns)
            elif places is None:
                places = _not_empty(listing, cells)
            print_table(*_chosen(listing.headers, cells, places))


def places_of(headers: Sequence[str], columns: str | None) -> list[int] | None:
    """Return which columns were asked for by name, None where none were. Raises BadParameter."""
    if columns is None:
        return None
    known = {header.lower(): place for place, header in enumerate(headers)}
    wanted = [name.strip().lower() for name in columns.split(",")]
    for name in wanted:
        if name not in known:
            raise typer.BadParameter(
                f"there is no column {name!r}; choose from {', '.join(known)}",
                param_hint="--columns",
            )
    return [known[name] for name in wanted]


def chosen(cells: Sequence[str], places: Sequence[int]) -> str:
    """Return the line of what is printed as it comes; a cell without text is ``-``."""
    return GAP.join(clean(cells[place]) or "-" for place in places)


def fitting(listing: Listing, rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the places of the columns that fit beside each other, the first always among them.

    Empty columns are left out.
    """
    last = [listing.headers.index(header) for header in reversed(listing.spare)]
    first = [place for place in range(len(listing.headers)) if place not in last]
    taken: list[int] = []
    left = width + len(GAP)
    for place in (*first, *last):
        widest = max((len(row[place]) for row in rows), default=len(listing.headers[place]))
        needed = max(widest, len(listing.headers[place])) + len(GAP)
        if not taken or (widest and needed <= left):
            taken.append(place)
            left -= needed
    return sorted(taken)


def _not_empty(listing: Listing, rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        place
        for place, header in enumerate(listing.headers)
        if header not in listing.seldom or any(row[place] for row in rows)
    ]


def _chosen(
    headers: Sequence[str], rows: Sequence[Sequence[str]], places: Sequence[int] | None
) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    if places is None:
        return headers, rows
    return [headers[p] for p in places], [[row[p] for p in places] for row in rows]


def print_record(facts: Mapping[str, str], record: object, known: str, output: Output) -> None:
    """Print one thing: its facts line by line, its JSON or its id."""
    match output:
        case Output.JSON:
            print(as_json(record, indent=2))
        case Output.JSONL:
            print(as_json(record))
        case Output.IDS:
            print(clean(known))
        case Output.TABLE:
            width = max(len(name) for name in facts)
            for name, value in facts.items():
                print(f"{clean(name).ljust(width)}{GAP}{clean(value)}")


def as_json(value: object, indent: int | None = None) -> str:
    """Return a record, or what holds records, as the API shows it; fit for a terminal."""
    return legible(json.dumps(value, indent=indent, ensure_ascii=False, default=write))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, fitted and coloured on a terminal, else one plain line for each row."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _print_for_terminal(headers, cells)
    else:
        for line in plain_lines(headers, cells):
            print(line)


def plain_lines(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Return aligned lines, however long, the headers first."""
    lines = [[header.upper() for header in headers], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headers))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield GAP.join(padded).rstrip()


def _print_for_terminal(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    # Rich takes a while to import, and most uses of the command line never need it.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=STYLES.get(cell.partition(" (")[0], "")) for cell in row))
    Console(highlight=False).print(table)
