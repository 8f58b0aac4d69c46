"""Whatever the pages, the README and our own words tell people to type can be typed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from boruta_farm.cli.main import app
from tests.architecture.test_halves import TREES

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`]+)`")
LINE = re.compile(r"^ {4,}(.+)$", re.MULTILINE)
NEXT = re.compile(r"\s(?:--|\|\|?|&&|>)\s|;\s")
"""What ends a command: another one, a file, or the command of a board."""

COMMAND = re.compile(r"(?:^|[\s(:'])boruta((?: [a-z][a-z-]*)+)(.*)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*(?![\w-])")


def verbs() -> TyperGroup:
    """Return the command line."""
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return root


ROOT_VERB = verbs()
GLOBAL = {"--help", *(option for each in ROOT_VERB.params for option in each.opts)}


def typed(text: str) -> Iterator[tuple[str, str]]:
    """Return the commands in a text: the words of their verbs, and what follows.

    Where no verb of ours follows the name, the text is about something else that is called so;
    but not where it begins with it.
    """
    for part in NEXT.split(" ".join(text.split())):
        if (found := COMMAND.search(part)) is None:
            continue
        if found.start() == 0 or found[1].split()[0] in ROOT_VERB.commands:
            yield found[1].strip(), found[2]


def wrong(words: str, rest: str) -> str | None:
    """Tell what of a command there is not, None for one that can be typed."""
    command, left = ROOT_VERB.commands.get(words.split()[0]), words.split()[1:]
    while left and isinstance(command, TyperGroup):
        command, left = command.commands.get(left[0]), left[1:]
    if command is None:
        return f"there is no 'boruta {words}'"
    if command.context_settings.get("ignore_unknown_options"):
        return None
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    for option in OPTION.findall(rest):
        if option not in known | GLOBAL:
            return f"'boruta {words}' has no {option}"
    return None


def code(page: str) -> list[str]:
    """Return the parts of a page that are code."""
    fenced = "".join(FENCED.findall(page)).replace("\\\n", "")
    prose = FENCED.sub("", page)
    return [*fenced.splitlines(), *SPAN.findall(prose), *LINE.findall(prose)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_are_there(page: Path) -> None:
    told = [wrong(*command) for part in code(page.read_text()) for command in typed(part)]
    assert not [each for each in told if each is not None]


def test_commands_that_our_own_words_propose_are_there() -> None:
    told = [
        f"{module}:{node.lineno}: {wrong(*command)}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for command in typed(f"see: {node.value}")
        if wrong(*command) is not None
    ]
    assert not told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("boruta user disable ann", "there is no 'boruta user disable ann'"),
        ("it ends: boruta user disable ann", "there is no 'boruta user disable ann'"),
        ("boruta nothing", "there is no 'boruta nothing'"),
        ("boruta ls --nothing", "'boruta ls' has no --nothing"),
        ("boruta ls; boruta ls --nothing", "'boruta ls' has no --nothing"),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, told: str) -> None:
    assert [wrong(*command) for command in typed(line)][-1] == told


@pytest.mark.parametrize(
    "line",
    [
        "boruta user set ann --disable",
        "boruta --server http://farm:8487 ls",
        "boruta run rpi4 -- make --nothing",
        "boruta console 42 --plain",
        "createdb -O boruta farm",
    ],
)
def test_what_can_be_typed_is_let_pass(line: str) -> None:
    assert [told for command in typed(line) if (told := wrong(*command)) is not None] == []
