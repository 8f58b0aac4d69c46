"""What was measured, beside what was aimed for."""

from collections.abc import Sequence
from dataclasses import dataclass

MEASURED, AIM, VERDICT = "measured", "aim", ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Carry one line: ``met`` is None for what has no aim, or was not measured."""

    name: str
    value: str
    aim: str = ""
    met: bool | None = None


def failure(name: str, aim: str, words: str) -> Row:
    """Return the line of a measure that went wrong, which is never a number."""
    return Row(name=name, value=f"ERROR: {words}", aim=aim, met=False)


def print_table(rows: Sequence[Row]) -> None:
    """Print rows under a heading, columns aligned."""
    cells = [("", MEASURED, AIM, VERDICT)]
    cells += [(row.name, row.value, row.aim, verdict(row.met)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip(), flush=True)


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| measure | measured | aim | |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.name} | {row.value} | {row.aim} | {verdict(row.met)} |" for row in rows]
    return "\n".join(lines) + "\n"


def verdict(met: bool | None) -> str:
    """Return one word for whether an aim was met."""
    return {True: "met", False: "MISSED", None: ""}[met]
