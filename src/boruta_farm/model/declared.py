"""What is said once of a record's field; rows, JSON and descriptions are derived from it.

A field's type, default and name stand in its dataclass. What else is to be known of it stands
beside them, in the same line: ``reason: Annotated[str | None, Shown("Reason")] = None``.
"""

from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin


@dataclass(frozen=True, slots=True)
class Shown:
    """Say that people see the field: its JSON key, and what the descriptions tell of it.

    ``ours`` tells that the original does not have the key: it is left out while there is no
    value, unless ``null`` tells that it is there all the same, as null. The original's keys are
    always there, an empty list as null. ``inside`` is the key of the object in which it lies.
    """

    key: str
    words: str = ""
    ours: bool = True
    null: bool = False
    inside: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Say how the field is stored, where its name and type do not tell.

    ``column`` is the column's name where that differs from the field's. ``key`` tells that the
    field names the record, alone or with others. ``moves`` tells that a job's life changes the
    field, so that it is written with every step of it, as the key is. ``mostly`` names a field
    whose value this one nearly always has: what they have in common is made once. ``values``
    tells how often mappings and lists repeat: ``few`` different ones have both their texts and
    what was read of these remembered, of ``many`` only the latter, ``own`` ones never come again.
    What is not ``kept`` is worked out anew for those who are told it.
    """

    column: str | None = None
    key: bool = False
    moves: bool = False
    mostly: str | None = None
    kept: bool = True
    values: Literal["few", "many", "own"] = "many"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Tell all that is declared of one field.

    ``kind`` is its type without None, ``optional`` whether it may be None, ``needed`` whether
    there is no default.
    """

    name: str
    kind: Any
    optional: bool
    needed: bool
    default: Any
    shown: Shown | None
    stored: Stored

    @property
    def column(self) -> str:
        """Return the name of its column."""
        return self.stored.column or self.name

    @property
    def left_out(self) -> bool:
        """Tell whether its key is left out while there is no value."""
        return self.optional and self.shown is not None and self.shown.ours and not self.shown.null

    @property
    def blank_left_out(self) -> bool:
        """Tell whether its key, added to an object of the original's, is left out while empty."""
        return self.shown is not None and self.shown.inside is not None and self.shown.ours


def declared(record: type) -> tuple[Field, ...]:
    """Return what a record declares of its fields, in their order."""
    return _declared(record)


@cache
def _declared(record: type) -> tuple[Field, ...]:
    return tuple(
        _field(item.name, item.type, item.default, item.default_factory) for item in fields(record)
    )


def _field(name: str, annotation: Any, default: Any, factory: Any) -> Field:
    marks: tuple[Any, ...] = ()
    if get_origin(annotation) is Annotated:
        annotation, *rest = get_args(annotation)
        marks = tuple(rest)
    members = get_args(annotation)
    optional = NoneType in members
    if optional:
        (annotation,) = (member for member in members if member is not NoneType)
    if default is MISSING and factory is not MISSING:
        default = factory()
    return Field(
        name=name,
        kind=annotation,
        optional=optional,
        needed=default is MISSING,
        default=None if default is MISSING else default,
        shown=next((mark for mark in marks if isinstance(mark, Shown)), None),
        stored=next((mark for mark in marks if isinstance(mark, Stored)), Stored()),
    )
