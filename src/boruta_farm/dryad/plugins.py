"""Find what an installed package brings for boards: drivers now, tools by the same way.

A package registers a name in a group of entry points; the name names an object of the group's
class, for instance a ``DriverKind``. Ours are registered the same way.
"""

import difflib
import logging
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Final, TypeVar

from boruta_farm.model.errors import ConfigError

DRIVERS: Final = "boruta_farm.drivers"
"""The group of entry points of drivers."""

logger = logging.getLogger(__name__)

Kind = TypeVar("Kind")


def installed(group: str) -> tuple[str, ...]:
    """Return the names that packages have registered; nothing of them is imported."""
    return tuple(sorted(entry_points(group=group).names))


def find(group: str, name: str, made: type[Kind]) -> Kind:
    """Import what is registered under a name, which must be a ``made``.

    Raises ConfigError in one sentence: what is installed, what is wrong, what to do.
    """
    word = _word(group)
    found = tuple(entry_points(group=group, name=name))
    if not found:
        raise ConfigError(_missing(group, name))
    if len(found) > 1:
        packages = " and ".join(sorted(map(_package, found)))
        raise ConfigError(f"the {word} {name!r} is brought by {packages}; remove all but one")
    entry = found[0]
    try:
        kind = entry.load()
    except Exception as error:  # a foreign package may raise anything
        logger.debug("%s", entry, exc_info=True)
        raise ConfigError(_broken(entry, word, error)) from None
    if not isinstance(kind, made):
        raise ConfigError(
            f"the {word} {name!r} of the package {_package(entry)} names {entry.value}, which is "
            f"no {made.__name__}; its page tells how one is written"
        )
    return kind


def _missing(group: str, name: str) -> str:
    names, word = installed(group), _word(group)
    near = difflib.get_close_matches(name, names, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "install the package that brings it"
    return (
        f"no installed package brings the {word} {name!r}, only {', '.join(names) or 'none'}; "
        f"{remedy}"
    )


def _broken(entry: EntryPoint, word: str, error: Exception) -> str:
    package = _package(entry)
    if isinstance(error, ModuleNotFoundError) and error.name:
        what = f"needs {error.name}, which is not installed"
    else:
        what = f"cannot be loaded: {type(error).__name__}: {error}"
    # By convention a library that one driver alone needs is an extra of the driver's name.
    extra = f"[{entry.name}]" if entry.name in _extras(entry) else ""
    remedy = (
        f"run: pip install '{_name(entry)}{extra}'" if extra else f"mend or reinstall {package}"
    )
    return f"the {word} {entry.name!r} of the package {package} {what}; {remedy}"


def _extras(entry: EntryPoint) -> Iterator[str]:
    metadata = entry.dist.metadata if entry.dist is not None else None
    yield from (metadata.get_all("Provides-Extra") or ()) if metadata is not None else ()


def _package(entry: EntryPoint) -> str:
    return f"{_name(entry)} {entry.dist.version}" if entry.dist is not None else _name(entry)


def _name(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _word(group: str) -> str:
    """Return what one of a group is called: ``driver`` for ``boruta_farm.drivers``."""
    return group.rpartition(".")[2].removesuffix("s")
