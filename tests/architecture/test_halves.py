"""No class is cut in two: whoever lives on another's private names is the other's half."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from tests.architecture.test_imports import MODULES, PACKAGE

ALLOWED = {"__version__", "_exit", "_fields", "_make", "_replace", "_srcfile"}
"""Names with an underscore that are public all the same: the package's, and Python's own."""

BORROWED = {
    "boruta_farm.frontdoor.knock reads conn._transport": "asyncssh tells of the transport that it"
    " reads by no public name, and has no bound on what it takes from strangers",
    "boruta_farm.terminals.slices reads conn._transport": "nor on what it takes at once of boards",
}
"""Private names of libraries that may be read, each with the reason."""

HALVES: dict[str, str] = {}
"""Classes that may stay so, as ``module.Class``, each with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extended:
    """Tell of a class that extends one of another module of ours."""

    name: str
    base: str
    private: frozenset[str]


def trees() -> Iterator[tuple[str, ast.Module]]:
    for module, path in MODULES.items():
        yield f"{PACKAGE}.{module}", ast.parse(path.read_text())


TREES = dict(trees())


def imported(tree: ast.Module) -> dict[str, str]:
    """Return what each imported name of ours means, in full."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)
        for alias in node.names
    }


def private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__") and name not in ALLOWED


def own_names(node: ast.ClassDef) -> tuple[set[str], set[str]]:
    """Return the private names that a class makes and those that it uses of itself."""
    made = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    made |= {part.name for part in node.body if isinstance(part, ast.AsyncFunctionDef)}
    used: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            made.add(part.target.id)
        if (
            isinstance(part, ast.Attribute)
            and isinstance(part.value, ast.Name)
            and part.value.id in ("self", "cls")
            and private(part.attr)
        ):
            (made if isinstance(part.ctx, ast.Store) else used).add(part.attr)
    return made, used


def extended() -> Iterator[Extended]:
    for module, tree in TREES.items():
        names = imported(tree)
        for node in tree.body:
            if not isinstance(node, ast.ClassDef):
                continue
            made, used = own_names(node)
            for base in node.bases:
                plain = base.value if isinstance(base, ast.Subscript) else base
                if (full := names.get(ast.unparse(plain))) is not None:
                    yield Extended(
                        name=f"{module}.{node.name}", base=full, private=frozenset(used - made)
                    )


def made_somewhere() -> set[str]:
    """Return, in full, the classes of ours that a call makes an object of."""
    found = set()
    for module, tree in TREES.items():
        names = imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                found.add(names.get(called, f"{module}.{called}"))
    return found


EXTENDED = tuple(extended())


def taken(module: str, tree: ast.Module) -> Iterator[str]:
    """Yield the private names that a module imports, or asks of what is not ``self``."""
    for name, full in imported(tree).items():
        if private(full.rpartition(".")[2]):
            yield f"{module} imports {full} as {name}"
    parents = {id(child): node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or not private(node.attr):
            continue
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            continue
        holder: ast.AST | None = node
        here: set[str] = set()
        while (holder := parents.get(id(holder))) is not None:
            if isinstance(holder, ast.ClassDef):
                here |= set(chain.from_iterable(own_names(holder)))
        if node.attr not in here:
            yield f"{module} reads {ast.unparse(node)}"


def test_no_module_takes_private_names_from_another() -> None:
    """Neither by import nor by asking an object that is not ``self`` for one."""
    found = {words for module, tree in TREES.items() for words in taken(module, tree)}
    assert found == BORROWED.keys()


def test_no_class_extends_what_is_only_its_own_half() -> None:
    """A base that one class alone extends, that nobody makes by itself, and whose private names
    the other uses is its half, moved to another module for the length: both are one class, or
    one has the other and asks it by public names.
    """
    made = made_somewhere()
    for one in EXTENDED:
        alone = [other for other in EXTENDED if other.base == one.base] == [one]
        if one.private and alone and one.base not in made and one.name not in HALVES:
            raise AssertionError(f"{one.name} uses {sorted(one.private)} of its half {one.base}")


def test_what_may_stay_is_still_there() -> None:
    assert set(HALVES) <= {one.name for one in EXTENDED if one.private}
