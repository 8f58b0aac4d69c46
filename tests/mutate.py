"""Change one thing at a time in the source and list what no nearest test notices.

``./run mutate`` takes every file of core, store and link, ``./run mutate core/jobs store`` a file
or a room; ``--sample N`` draws N mutants by ``--seed``. A mutant lives in the memory of one worker
process, which runs the tests that `nearest` finds and is ended when it takes too long: the files
stay as they are. ``mutate.toml`` tells of mutants that change nothing, each with its reason.

mutmut copies the tree and changes functions only, while our tables and records are module level;
cosmic-ray rewrites the files in place, has one test command for all, and draws no sample.
"""

import argparse
import ast
import copy
import multiprocessing
import os
import random
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

import hypothesis  # noqa: F401  # once for all workers
import pytest

from tests.changed import ChangedModule
from tests.nearest import SOURCE, nearest

ROOMS = ("core", "store", "link")
EQUIVALENT = Path(__file__).with_suffix(".toml")
SPARE_SECONDS = 20.0
"""Added to four times what the tests take unchanged: only an endless loop takes longer."""

SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitOr: ast.BitAnd,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
IMPORTED = "-Wignore::pytest.PytestAssertRewriteWarning"
"""Hypothesis is imported once, before pytest begins in each worker."""

GUARDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """Carry what is put in which place of a file's tree; ``name`` stays while its line does."""

    path: Path
    line: int
    name: str
    tree: ast.Module
    parent: ast.AST
    field: str
    index: int | None
    changed: ast.AST

    def change(self) -> ast.Module:
        """Return the changed tree; for a process that does nothing else."""
        if self.index is None:
            setattr(self.parent, self.field, self.changed)
        else:
            getattr(self.parent, self.field)[self.index] = self.changed
        return ast.fix_missing_locations(self.tree)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in a node's place."""
    other = copy.copy(node)
    match other:
        case ast.Compare(ops=[op]) if type(op) in SWAPPED:
            other.ops = [SWAPPED[type(op)]()]  # type: ignore[list-item]  # one operator for another
            yield other
        case ast.BoolOp() | ast.BinOp() if type(other.op) in SWAPPED:
            other.op = SWAPPED[type(other.op)]()  # type: ignore[assignment]  # as above
            yield other
        case ast.UnaryOp(op=ast.Not()):
            yield other.operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as value):
            yield ast.Constant(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            other.func = ast.Name(NAMES[name], ast.Load())
            yield other
        case ast.Call(args=[first, second, *rest]) | ast.Tuple(elts=[first, second, *rest]):
            swapped = [second, first, *rest]
            if ast.dump(first) == ast.dump(second):
                return
            if isinstance(other, ast.Tuple) and isinstance(other.ctx, ast.Load):
                other.elts = swapped
                yield other
            elif isinstance(other, ast.Call):
                other.args = swapped
                yield other
        case ast.If(body=[only], orelse=[]) if isinstance(only, GUARDS):
            other.test = ast.Constant(value=False)
            yield other
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            other.value = ast.Constant(None)
            yield other
        case ast.Expr(value=ast.Call() | ast.Await()):
            yield ast.Pass()
        case ast.IfExp():
            other.body, other.orelse = other.orelse, other.body
            yield other


def is_set(parent: ast.AST, field: str) -> bool:
    """Tell whether a tuple's order says nothing a test could see: errors caught, types of types."""
    match parent:
        case ast.ExceptHandler():
            return field == "type"
        case ast.Subscript(value=ast.Name(id=name)):
            return field == "slice" and (name[0].isupper() or name in ("dict", "tuple"))
    return False


def places(tree: ast.AST, where: str = "") -> Iterator[tuple[str, ast.AST, str, int | None]]:
    """Yield name, parent, field and place in the field of every node that runs."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "type_params", "bases", "exc"):
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or isinstance(node, ast.Assert | ast.JoinedStr):
                continue
            if isinstance(node, ast.Tuple) and is_set(tree, field):
                continue
            named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            inner = f"{where}.{getattr(node, 'name', '')}".strip(".") if named else where
            yield inner, tree, field, index if isinstance(value, list) else None
            yield from places(node, inner)


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a file."""
    tree = ast.parse(path.read_text())
    seen: Counter[str] = Counter()
    for where, parent, field, index in places(tree):
        held = getattr(parent, field)
        node = held if index is None else held[index]
        for changed in changes(node):
            ast.copy_location(changed, node)
            words = (ast.unparse(node).split("\n")[0], ast.unparse(changed).split("\n")[0])
            name = f"{path.relative_to(SOURCE)} {where}: {words[0]} -> {words[1]}"
            seen[name] += 1
            again = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(
                path=path,
                line=getattr(node, "lineno", 0),
                name=name + again,
                tree=tree,
                parent=parent,
                field=field,
                index=index,
                changed=changed,
            )


def run(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """Run tests in this process, which ends with pytest's status."""
    os.setpgid(0, 0)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    if mutant is not None:
        parts = mutant.path.relative_to(SOURCE.parent).with_suffix("").parts
        changed = ChangedModule(".".join(parts), mutant.path, mutant.change())
        sys.meta_path.insert(0, changed)
    options = [
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--hypothesis-seed=0",
        # Else pytest loads our modules itself, for the sake of our plugin's, past any change.
        "--assert=plain",
        IMPORTED,
    ]
    os._exit(pytest.main([*options, "-m", "not prove", *tests]))


def lived(mutant: Mutant | None, tests: Sequence[str], seconds: float) -> bool:
    """Tell whether all tests pass."""
    process = multiprocessing.get_context("fork").Process(target=run, args=(mutant, tests))
    process.start()
    assert process.pid is not None
    if not wait([process.sentinel], seconds):
        os.killpg(process.pid, 9)
    process.join()
    return process.exitcode == 0


def files(wanted: Sequence[str]) -> list[Path]:
    """Return the files of rooms, or those that are named. Raises SystemExit for unknown ones."""
    found: list[Path] = []
    for name in wanted:
        place = SOURCE / name
        file = place.with_suffix(".py")
        if not place.is_dir() and not file.is_file():
            raise SystemExit(f"mutate: src/boruta_farm/{name} is neither a room nor a file")
        found += [file] if file.is_file() else sorted(place.rglob("*.py"))
    return [path for path in found if nearest(path)]


def main() -> int:
    """Tell each survivor on a line; return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="./run mutate", description="List what no test notices.")
    parser.add_argument("room", nargs="*", default=ROOMS, help="rooms, or files such as core/jobs")
    parser.add_argument("--sample", type=int, help="how many mutants to draw; all without")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    given = parser.parse_args()
    known = tomllib.loads(EQUIVALENT.read_text())
    chosen = files(given.room)
    made = [mutant for path in chosen for mutant in mutants(path)]
    for name in known.keys() - {mutant.name for mutant in made}:
        if SOURCE / name.split()[0] in chosen:
            print(f"{EQUIVALENT.name} tells of what is there no more: {name}")
    made = [mutant for mutant in made if mutant.name not in known]
    if given.sample is not None and given.sample < len(made):
        made = random.Random(given.seed).sample(made, given.sample)
    made.sort(key=lambda mutant: (mutant.path, mutant.line))
    survivors, limits = 0, dict[Path, float]()
    for mutant in made:
        tests = [str(test) for test in nearest(mutant.path)]
        if mutant.path not in limits:
            began = time.monotonic()
            if not lived(None, tests, 600):
                raise SystemExit(f"mutate: {' '.join(tests)} fail unchanged")
            limits[mutant.path] = SPARE_SECONDS + 4 * (time.monotonic() - began)
        if lived(mutant, tests, limits[mutant.path]):
            survivors += 1
            print(f"line {mutant.line}: {mutant.name}", flush=True)
    print(f"{len(made)} mutants, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
