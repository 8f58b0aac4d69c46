"""What was measured, beside what was aimed for."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MEASURED, EARLIER, AIM, VERDICT = "measured", "earlier", "aim", ""

Key = tuple[str, str]
"""A line's name, after that of the line it belongs to: indented ones may bear the same name."""


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


def print_table(rows: Sequence[Row], earlier: Mapping[Key, str] | None = None) -> None:
    """Print rows under a heading, columns aligned, beside what an ``earlier`` run measured."""
    cells: list[tuple[str, ...]] = [("", MEASURED, AIM, VERDICT)]
    cells += [(row.name, row.value, row.aim, verdict(row.met)) for row in rows]
    if earlier is not None:
        before = [EARLIER, *(earlier.get(key, "") for key in keys(row.name for row in rows))]
        cells = [(*line[:2], then, *line[2:]) for line, then in zip(cells, before, strict=True)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip(), flush=True)


def markdown(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| measure | measured | aim | |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.name} | {row.value} | {row.aim} | {verdict(row.met)} |" for row in rows]
    return "\n".join(lines) + "\n"


def keys(names: Iterable[str]) -> list[Key]:
    """Return by what lines are told apart."""
    found: list[Key] = []
    above = ""
    for name in names:
        above = above if name.startswith(" ") else name
        found.append((above, name))
    return found


def read_markdown(text: str) -> dict[Key, str]:
    """Return what was measured by the tables that a Markdown text holds. Raises ValueError."""
    lines = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [(cells[0].removeprefix("| "), cells[1]) for cells in lines if len(cells) > 2]
    if not rows:
        raise ValueError("it holds no table of measures; the bench writes one with --markdown")
    return dict(zip(keys(name for name, _ in rows), (value for _, value in rows), strict=True))


def verdict(met: bool | None) -> str:
    """Return one word for whether an aim was met."""
    return {True: "met", False: "MISSED", None: ""}[met]
