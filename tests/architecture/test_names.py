"""A name means one thing: no two classes share one, and what runs is called by what it does."""

import ast
from collections import defaultdict

from tests.architecture.test_halves import TREES

SHARED: frozenset[str] = frozenset({"Farm", "Grant", "Kind", "Listing"})
"""Names of classes that two rooms still share; this only ever gets shorter."""

RUNNERS = 10
"""So many functions may be called ``run``: each runs what it is given."""


def classes() -> dict[str, list[str]]:
    """Return in which modules each name of a class stands."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(module)
    return found


def test_no_two_classes_have_one_name() -> None:
    shared = {name: modules for name, modules in classes().items() if len(modules) > 1}
    assert not {name: where for name, where in shared.items() if name not in SHARED}
    assert not SHARED - shared.keys(), "these are shared no more: take them off the list"


def test_few_functions_are_called_run() -> None:
    runners = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "run"
    ]
    assert len(runners) <= RUNNERS, runners
