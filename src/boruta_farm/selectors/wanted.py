"""What a want asks for in a certain farm: its boards' names, kinds and spellings decide."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, assert_never

from boruta_farm.model.errors import WorkerNotFoundError
from boruta_farm.model.spelling import folded
from boruta_farm.model.worker import UUID_CAPABILITY, Worker
from boruta_farm.selectors.conditions import (
    Absent,
    AnyOf,
    Condition,
    Has,
    NoneOf,
    Present,
    Within,
    elements,
)
from boruta_farm.selectors.hints import near
from boruta_farm.selectors.want import Called, Term, Want
from boruta_farm.selectors.workers import beginning, named

KINDS: Final = ("board", "device_type")
"""The capabilities whose values say what kind of board it is, unless the farm names others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """Carry what a request is to ask for, or the running ``request`` that is meant.

    ``worker`` is the board that was called by its name; its UUID is among ``caps``.
    """

    caps: dict[str, str] = field(default_factory=dict)
    selector: str | None = None
    worker: Worker | None = None
    request: int | None = None


def wanted(
    want: Want, workers: Collection[Worker], kinds: Sequence[str] = KINDS, *, exact: bool = False
) -> Meant:
    """Return what a want asks for among these workers, spelt as they spell it.

    A name alone is a board's name or UUID, else a value of the first of ``kinds`` that has it,
    else a capability that is there, else the only board whose name begins so; ``exact`` leaves the
    last two out. What is compared
    with a value that no board has is asked for as it was written: such a board may come.

    Raises WorkerNotFoundError with the names that may have been meant, AmbiguousWorkerError.
    """
    if want.request is not None:
        return Meant(request=want.request)
    # A board's name may have any sign; who writes the whole of it means that board.
    board = named(workers, str(want))
    if board is not None:
        return Meant(caps={UUID_CAPABILITY: board.uuid}, worker=board)
    if want.selector is not None:
        return Meant(selector=want.selector)
    known = _Known(workers, kinds, exact=exact)
    return _together([known.meant(term) for term in want.terms])


def _together(meant: Iterable[Worker | Condition]) -> Meant:
    """Ask for all: what is one exact value by capabilities, the rest by a selector."""
    caps: dict[str, str] = {}
    rest: list[str] = []
    called = None
    for one in meant:
        if isinstance(one, Worker):
            called = one
            one = AnyOf(name=UUID_CAPABILITY, values=(one.uuid,))
        if isinstance(one, AnyOf) and len(one.values) == 1 and one.name not in caps:
            caps[one.name] = one.values[0]
        elif not isinstance(one, AnyOf) or (caps.get(one.name),) != one.values:
            rest.append(str(one))
    return Meant(caps=caps, selector=", ".join(rest) or None, worker=called)


class _Known:
    """The names and values of a farm, found however they are spelt."""

    def __init__(self, workers: Collection[Worker], kinds: Sequence[str], *, exact: bool) -> None:
        self._exact = exact
        self._workers = workers
        self._kinds = kinds
        self._values: dict[str, set[str]] = {}
        for worker in workers:
            for name, value in worker.matched.items():
                self._values.setdefault(name, set()).add(value)

    def meant(self, term: Term) -> Worker | Condition:
        """Return the board that is called so, or the condition as boards spell it."""
        match term:
            case Called():
                return self._called(term.text)
            case AnyOf():
                name = self._name(term.name)
                return replace(term, name=name, values=self._spellings(name, term.values))
            case NoneOf():
                name = self._name(term.name)
                return replace(term, name=name, values=self._spellings(name, term.values))
            case Has():
                name = self._name(term.name)
                known = {part for value in self._values.get(name, ()) for part in elements(value)}
                return replace(term, name=name, element=_spelt(term.element, known))
            case Present() | Absent() | Within():
                return replace(term, name=self._name(term.name))
            case _:
                assert_never(term)

    def _called(self, text: str) -> Worker | Condition:
        board = named(self._workers, text)
        if board is not None:
            return board
        for kind in map(self._name, self._kinds):
            found = _known_alike(text, self._values.get(kind, ()))
            if found:
                return AnyOf(name=kind, values=found)
        if not self._exact and _known_alike(text, self._values):
            return Present(name=self._name(text))
        board = None if self._exact else beginning(self._workers, text)
        if board is not None:
            return board
        names = {worker.name for worker in self._workers}
        for kind in map(self._name, self._kinds):
            names |= self._values.get(kind, set())
        guesses = near(text, sorted(names))
        hint = f"did you mean {' or '.join(guesses)}?" if guesses else "see: boruta workers"
        raise WorkerNotFoundError(f"there is no board and no kind of board {text!r}; {hint}")

    def _name(self, name: str) -> str:
        """Return a capability's name as it is spelt here, as it was written where none is."""
        return _spelt(name, self._values)

    def _spellings(self, name: str, values: tuple[str, ...]) -> tuple[str, ...]:
        known = self._values.get(name, ())
        return tuple(
            sorted({one for value in values for one in _known_alike(value, known) or (value,)})
        )


def _known_alike(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Return those of ``known`` that differ from a text in nothing but their spelling."""
    meant = folded(text)
    return tuple(sorted(one for one in known if folded(one) == meant))


def _spelt(text: str, known: Collection[str]) -> str:
    return text if text in known else min(_known_alike(text, known), default=text)
