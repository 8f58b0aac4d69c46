"""What a report tells of the boards of a test: names, facts and what consoles said."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from boruta_farm.model.errors import BorutaError
from boruta_farm.pytest_plugin.board import LentBoard

SHOWN_LINES: Final = 100
"""How many of a console's last lines stand in the report itself."""
LONGEST_NAME: Final = 120
CONSOLE: Final = "console"
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._=-]+")


def properties(boards: Mapping[str, LentBoard]) -> Iterator[tuple[str, str]]:
    """Return names and values for the properties of a test in JUnit's XML."""
    for name, board in boards.items():
        suffix = f".{name}" if name else ""
        yield f"boruta.board{suffix}", board.name
        yield f"boruta.worker{suffix}", board.worker
        yield f"boruta.request{suffix}", str(board.request_id)
        for fact, value in sorted(board.facts.items()):
            yield f"boruta.fact{suffix}.{fact}", value


@dataclass(frozen=True, slots=True)
class FailureReport:
    """Carry what is told of the boards of a failed test: headings with texts, and properties.

    pytest writes no such text into JUnit's XML, only properties.
    """

    sections: list[tuple[str, str]] = field(default_factory=list)
    properties: list[tuple[str, str]] = field(default_factory=list)


def failure_report(
    boards: Mapping[str, LentBoard], folder: Path | None, test: str
) -> FailureReport:
    """Return what is told of a test that has just failed; logs go below ``folder``, too."""
    place = None if folder is None else folder / file_name(test)
    report = FailureReport()
    for name, board in boards.items():
        called, suffix = (f" ({name})", f".{name}") if name else ("", "")
        report.sections.append((f"boruta board {board.name}{called}", board.words()))
        if place is not None:
            _write(place / f"{file_name(board.name)}.json", _record(board))
        for console, log in _consoles(board):
            title = f"boruta console {console} of {board.name}{called}"
            if isinstance(log, str):
                report.sections.append((title, f"not read: {log}"))
                continue
            kept, tail = "", _tail(log)
            report.properties.append((f"boruta.console{suffix}.{console}", tail))
            if place is not None:
                path = place / f"{file_name(board.name)}.{file_name(console)}.log"
                _write(path, log)
                kept = f"\n[all of it: {path}]"
                report.properties.append((f"boruta.log{suffix}.{console}", str(path)))
            report.sections.append((title, tail + kept))
    return report


def _consoles(board: LentBoard) -> Iterator[tuple[str, bytes | str]]:
    """Return what each console has said since the board was lent, or why that is not known."""
    try:
        names = [tool.name for tool in board.tools() if tool.kind == CONSOLE]
    except BorutaError as error:
        if f"tool.{CONSOLE}" in board.caps:
            yield CONSOLE, error.message
        return
    for name in names:
        try:
            yield name, board.console.named(name).log()
        except BorutaError as error:
            yield name, error.message


def _tail(log: bytes) -> str:
    """Return the last lines, in characters that cannot steer a terminal."""
    lines = log.decode(errors="replace").splitlines()
    shown = ["".join(c if c.isprintable() or c == "\t" else "?" for c in text) for text in lines]
    left_out = len(shown) - SHOWN_LINES
    head = [f"[{left_out} lines before]"] if left_out > 0 else []
    return "\n".join([*head, *shown[-SHOWN_LINES:]]) or "[it said nothing]"


def _record(board: LentBoard) -> bytes:
    told = {
        "board": board.name,
        "worker": board.worker,
        "request": board.request_id,
        "capabilities": board.caps,
        "facts": board.facts,
    }
    return json.dumps(told, indent=2).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def file_name(text: str) -> str:
    """Return a text as the name of a file; what differs keeps different names."""
    plain = _UNFIT.sub("_", text).strip("_.")[:LONGEST_NAME]
    if plain == text and plain:
        return plain
    digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]
    return f"{plain}-{digest}"
