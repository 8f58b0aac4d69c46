"""Tables for people, JSON and ids for scripts."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from boruta_farm.cli.console import clean, legible
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
    """Carry what a verb found in all the forms it can be printed in; they have equal length."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    records: Sequence[object]
    ids: Sequence[str]


def print_listing(listing: Listing, output: Output) -> None:
    """Print a list in the form asked for."""
    match output:
        case Output.JSON:
            print(as_json(listing.records, indent=2))
        case Output.JSONL:
            for record in listing.records:
                print(as_json(record))
        case Output.IDS:
            for known in listing.ids:
                print(clean(known))
        case Output.TABLE:
            print_table(listing.headers, listing.rows)


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
