"""Hold the import table of docs/architecture.md: downward only, no circles, few libraries."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "boruta_farm"
PACKAGE = "boruta_farm"

ROOMS: dict[str, frozenset[str]] = {
    "model": frozenset(),
    "contracts": frozenset(),
    "clock": frozenset(),
    "words": frozenset(),
    "settings": frozenset({"words"}),
    "selectors": frozenset(),
    "records": frozenset(),
    "core": frozenset({"selectors", "words"}),
    "matching": frozenset({"core", "selectors", "words"}),
    "histogram": frozenset(),
    "watchdog": frozenset(),
    "store": frozenset({"clock", "core.world", "selectors", "histogram"}),
    "rate": frozenset({"clock"}),
    "thinning": frozenset({"clock", "rate"}),
    "lookups": frozenset(),
    "dialling": frozenset(),
    "race": frozenset(),
    "feed": frozenset({"store.base"}),
    "fleet": frozenset({"contracts", "clock", "feed"}),
    "farm": frozenset(
        {"contracts", "clock", "rate", "core", "matching", "selectors", "feed", "fleet"}
        | {"store.base", "words"}
    ),
    "link": frozenset({"race", "contracts", "clock"}),
    "gorpc": frozenset({"contracts", "clock", "lookups", "rate"}),
    "boards": frozenset({"contracts", "clock", "fleet"}),
    "access": frozenset(
        {"race", "contracts", "clock", "dialling", "fleet", "lookups", "thinning", "watchdog"}
    ),
    "metrics": frozenset({"clock", "fleet", "store.base", "histogram"}),
    "terminals": frozenset({"race", "contracts"}),
    "frontdoor": frozenset(
        {"contracts", "clock", "rate", "records", "selectors", "settings", "words", "client"}
        | {
            "access.detached",
            "access.listening",
            "access.relaylog",
            "access.rendezvous",
            "terminals",
            "thinning",
        }
    ),
    "notify": frozenset({"clock", "feed", "lookups"}),
    "oidc": frozenset({"contracts", "clock", "settings"}),
    "web": frozenset(
        {"contracts", "clock", "rate", "race", "feed", "link", "records", "histogram", "terminals"}
        | {"words"}
    ),
    "client": frozenset(
        {"race", "contracts", "clock", "dryad.proc", "records", "selectors", "settings", "words"}
    ),
    "cli": frozenset(
        {"client", "contracts", "records", "selectors", "settings", "words"}
        | {"server", "frontdoor", "demo", "mcp", "clock", "oidc", "access.site_process"}
    ),
    "mcp": frozenset({"client", "contracts", "selectors", "words", "settings"}),
    "pytest_plugin": frozenset({"client", "contracts", "selectors", "settings", "words"}),
    "dryad": frozenset(
        {"contracts", "clock", "dialling", "race", "settings", "link", "gorpc", "thinning"}
        | {"watchdog"}
    ),
    "server": frozenset(
        {"contracts", "clock", "settings", "selectors", "core", "matching", "store", "feed"}
        | {"fleet", "farm", "link", "gorpc", "boards", "access", "metrics", "web"}
        | {"dryad.proc", "terminals", "watchdog"}
        | {"thinning", "notify", "oidc"}
    ),
    "testing": frozenset(
        {"contracts", "clock", "selectors", "core", "matching", "store", "feed", "fleet", "farm"}
        | {"link", "gorpc", "boards", "access", "web", "client", "dryad", "metrics", "server"}
    ),
    "demo": frozenset(
        {"client", "contracts", "clock", "dryad.proc", "dryad.tools", "server", "testing"}
        | {"web.page", "words"}
    ),
}
"""What each room may import besides ``model`` and itself."""

DRYAD: dict[str, frozenset[str]] = {
    "proc": frozenset(),
    "stm": frozenset(),
    "cleanup": frozenset({"proc"}),
    "users": frozenset({"cleanup", "proc"}),
    "dut": frozenset(),
    "images": frozenset(),
    "tools": frozenset({"dut", "images", "proc", "stm", "users"}),
    "drivers": frozenset({"dut", "proc", "stm", "tools", "users"}),
    "doctor": frozenset({"drivers", "dut", "proc", "stm", "tools", "users"}),
}
"""What each folder of the agent's room may import of the others."""

THIRD_PARTY: dict[str, frozenset[str]] = {
    "store": frozenset({"psycopg", "psycopg_pool", "msgspec"}),
    "dialling": frozenset({"websockets"}),
    "access": frozenset({"cryptography", "websockets"}),
    "metrics": frozenset({"prometheus_client"}),
    "terminals": frozenset({"asyncssh"}),
    "frontdoor": frozenset({"asyncssh", "httpx", "uvloop"}),
    "oidc": frozenset({"httpx", "authlib", "joserfc"}),
    "web": frozenset({"starlette", "msgspec"}),
    "client": frozenset({"httpx", "keyring", "websockets"}),
    "cli": frozenset({"typer", "rich", "click", "httpx", "tomli_w"}),
    "mcp": frozenset({"mcp", "uvicorn", "starlette"}),
    "pytest_plugin": frozenset({"pytest"}),
    "dryad": frozenset({"websockets", "serial"}),
    "server": frozenset(
        {"uvicorn", "uvloop", "httptools", "starlette", "websockets", "cryptography"}
    ),
    "testing": frozenset({"httpx"}),
}
SANDBOX_ONLY = frozenset({"asyncssh"})
LAZY_ONLY = {
    "cli": frozenset({"server", "demo.plays", "frontdoor", "mcp.http", "mcp.server", "oidc"})
}
"""A room may import these only inside a function, because they are heavy."""


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Return every imported module, absolute, and whether the import is at module level."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    tree = parsed(path)
    top = set(ast.walk(ast.Module(body=[n for n in tree.body if _is_import(n)], type_ignores=[])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in top
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            name = node.module or ""
            for alias in node.names:
                candidate = f"{name}.{alias.name}"
                yield (candidate if _is_module(candidate) else name), node in top


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@cache
def _is_module(name: str) -> bool:
    if not name.startswith(f"{PACKAGE}."):
        return False
    path = SOURCE.joinpath(*name.split(".")[1:])
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def room_of(module: str) -> str:
    return module.split(".")[0]


MODULES = dict(modules())


def test_rooms_import_only_what_the_table_allows() -> None:
    assert [fault for module in MODULES if module for fault in _strangers(module)] == []


def _strangers(module: str) -> Iterator[str]:
    room = room_of(module)
    if room not in ROOMS:
        yield f"{module} is in no room of the table"
        return
    for name, at_top in imports(MODULES[module]):
        first = name.split(".")[0]
        if first == PACKAGE:
            target = name.removeprefix(PACKAGE).removeprefix(".")
            if not target or room_of(target) in (room, "model"):
                continue
            allowed = ROOMS[room]
            if not any(target == a or target.startswith(f"{a}.") for a in allowed):
                yield f"{module} imports {name}; {room} may import {sorted(allowed)}"
            lazy = LAZY_ONLY.get(room, frozenset())
            if at_top and not lazy.isdisjoint({target, room_of(target)}):
                yield f"{module} must import {name} inside the function that needs it"
        elif first not in sys.stdlib_module_names:
            allowed = THIRD_PARTY.get(room, frozenset())
            if room == "dryad" and module.split(".")[-1].startswith("sandbox"):
                allowed = allowed | SANDBOX_ONLY
            if first not in allowed:
                yield f"{module} imports the library {first}"


def test_the_page_shows_this_table() -> None:
    """Each row of docs/architecture.md names what its room may import, or all but some rooms."""
    told = dict(rows_told())
    assert told.keys() == ROOMS.keys()
    for room, words in told.items():
        before, _, after = words.partition("all but")
        named = {*names_in(before)}
        if "all but" in words:
            named = (ROOMS.keys() | {"dryad.proc"}) - ({*names_in(after)} - {"dryad.proc"})
            assert ROOMS[room] <= named, room
        else:
            assert ROOMS[room] == named, room


def rows_told() -> Iterator[tuple[str, str]]:
    """Yield each room of the page's table, and what it says that this may import."""
    for row in (SOURCE.parents[1] / "docs" / "architecture.md").read_text().splitlines():
        cells = row.split(" | ")
        if row.startswith("| `") and len(cells) >= 4:
            for room in re.findall(r"`(\w+)(?:/|\.py)`", cells[0]):
                yield room, cells[2]


def names_in(words: str) -> Iterator[str]:
    """Yield the rooms, and parts of rooms, that words name as the table does."""
    for found in re.findall(r"[a-z]\w*(?:\.\w+)?", words):
        if found.split(".")[0] in ROOMS:
            yield found


def test_folders_of_the_agent_import_only_what_their_table_allows() -> None:
    agents = [module for module in MODULES if module.startswith("dryad.")]
    assert [fault for module in agents for fault in _strange_folders(module)] == []


def _strange_folders(module: str) -> Iterator[str]:
    folder = module.split(".")[1]
    if folder not in DRYAD:
        if len(module.split(".")) != 2:
            yield f"{folder} is in no row of the table"
        return
    for name, _ in imports(MODULES[module]):
        target = name.removeprefix(f"{PACKAGE}.dryad.").split(".")[0]
        if target == folder:
            continue
        known = name.startswith(f"{PACKAGE}.dryad.") and target in DRYAD
        if known and target not in DRYAD[folder]:
            yield f"{module} imports {name}; {folder} may import {sorted(DRYAD[folder])}"
        if folder == "proc" and name.split(".")[0] not in sys.stdlib_module_names:
            yield f"{module} imports {name}"


def test_only_one_folder_parses_proc() -> None:
    """Paths below /proc stand in ``dryad/proc/`` alone, but for open descriptors by path."""
    others = [module for module in MODULES if not module.startswith("dryad.proc")]
    assert [fault for module in others for fault in _paths_of_proc(module)] == []


def _paths_of_proc(module: str) -> Iterator[str]:
    for node in ast.walk(parsed(MODULES[module])):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            path = node.value.lstrip("/")
            if path.startswith("proc/") and not path.startswith("proc/self/fd/"):
                yield f"{module} reads {node.value}; a reader in dryad/proc/ does"


def test_no_circles() -> None:
    graph = {
        name: {
            target
            for imported, _ in imports(path)
            if imported.startswith(PACKAGE)
            and (target := imported.removeprefix(PACKAGE).removeprefix("."))
            in MODULES.keys() - {""}
            and target != name
        }
        for name, path in MODULES.items()
        # The package itself holds the version, and names that are looked up when they are used.
        if name
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join((*trail[trail.index(name) :], name))
        if name in done:
            return
        for target in sorted(graph[name]):
            visit(target, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_core_is_pure() -> None:
    """No await, clock, random, input, output or logging in the core."""
    forbidden = {"asyncio", "time", "random", "logging", "os", "socket", "threading", "secrets"}
    for module, path in MODULES.items():
        if room_of(module) not in ("core", "matching", "words"):
            continue
        for name, _ in imports(path):
            assert name.split(".")[0] not in forbidden, f"{module} imports {name}"
        for node in ast.walk(parsed(path)):
            assert not isinstance(node, ast.Await | ast.AsyncFunctionDef), f"{module} awaits"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                asked = (node.value.id, node.attr)
                clocks = {(t, m) for t in ("datetime", "date") for m in ("now", "utcnow", "today")}
                assert asked not in clocks, f"{module} asks the clock"
