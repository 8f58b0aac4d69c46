"""A name means one thing: no two classes share one, and what runs is called by what it does."""

import ast
from collections import defaultdict

from tests.architecture.test_halves import TREES

RUNNERS = 9
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
    assert not shared


def test_few_functions_are_called_run() -> None:
    runners = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == "run"
    ]
    assert len(runners) <= RUNNERS, runners
