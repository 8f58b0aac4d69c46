"""Declare settings as the fields of a dataclass, once, and read them.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class PowerSettings:
        port: int = setting(Whole(1, 8), default=1, words="The socket the board is plugged into.")
        delay: float = setting(Seconds(0, 60), default=2.0, words="How long it stays off.")

    read(PowerSettings, read_toml(path).table("power"))

Reading, defaults, limits, the environment's variables, the reference and the example file
(``document``) follow from the field: a new setting is one field.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from boruta_farm.settings.kinds import SettingKind
from boruta_farm.settings.table import SettingError, Table, mapping, unknown

METADATA: Final = "setting"
NEEDED: Final = object()
"""Stands for the default of a setting that must be given."""


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Made = TypeVar("Made", bound=Dataclass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Carry all that is declared of one setting.

    ``name`` is the field's, ``key`` what it is called in files where that differs. ``make``
    returns a default that depends on machine or user. ``usual`` tells the default to people where
    the value does not. ``example`` is what an example file shows where the default says nothing.
    A ``written`` setting stands in it without a ``#``. ``variable`` is the environment's name.
    """

    kind: SettingKind[Any]
    words: str = ""
    name: str = ""
    key: str = ""
    default: object = NEEDED
    make: Callable[[], object] | None = None
    usual: str = ""
    example: object = None
    written: bool = False
    variable: str = ""

    @property
    def required(self) -> bool:
        """Tell whether it must be given."""
        return self.default is NEEDED and self.make is None

    def usually(self) -> object:
        """Return the default. Raises SettingError when there is none."""
        if self.required:
            words = f"; {self.words[:1].lower()}{self.words[1:]}" if self.words else ""
            raise SettingError(f"is missing{words}")
        return self.make() if self.make is not None else self.default


def setting(kind: SettingKind[Any], words: str = "", *, hidden: bool = False, **told: Any) -> Any:
    """Return the dataclass field of a setting; ``told`` are the fields of ``Setting``.

    Without ``default`` and ``make`` it must be given. A ``hidden`` one is not in repr.
    """
    item = Setting(kind=kind, words=words, **told)
    made: Any = MISSING if item.make is None else item.make
    default: Any = MISSING if item.default is NEEDED else item.default
    return dataclasses.field(
        default=default, default_factory=made, metadata={METADATA: item}, repr=not hidden
    )


def section(kind: "type[Dataclass] | Struct[Any]", words: str = "", *, key: str = "") -> Any:
    """Return the dataclass field of a table inside the table, whose settings are a class's."""
    struct = kind if isinstance(kind, Struct) else Struct(kind)
    return setting(struct, words, make=lambda: struct.read({}), key=key)


def declared(kind: type[Dataclass]) -> tuple[Setting, ...]:
    """Return the settings of a dataclass; its fields that are none are for the caller to give."""
    return tuple(
        dataclasses.replace(
            item.metadata[METADATA],
            name=item.name,
            key=item.metadata[METADATA].key or item.name,
        )
        for item in dataclasses.fields(kind)
        if METADATA in item.metadata
    )


class Struct(SettingKind[Made], Generic[Made]):
    """A table whose settings are the fields of a dataclass.

    A class may have a method ``check``, which raises SettingError for settings that contradict
    each other.
    """

    def __init__(self, made: type[Made], settings: Mapping[str, Setting] | None = None) -> None:
        """Take the class, and its settings by field where they cannot stand in the class."""
        self.made = made
        named = () if settings is None else settings.items()
        own = [dataclasses.replace(item, name=name, key=item.key or name) for name, item in named]
        self.settings = {item.key: item for item in own or declared(made)}

    def read(self, raw: object) -> Made:
        """Return the dataclass."""
        return self.finish(self.values(mapping(raw)))

    def values(
        self, content: Mapping[str, object], beside: Collection[str] = ()
    ) -> dict[str, object]:
        """Return the values of the settings that are given; others may read what is ``beside``."""
        found = {}
        for key, raw in content.items():
            if key in beside:
                continue
            item = self.settings.get(key)
            if item is None:
                raise unknown(key, self.settings)
            try:
                found[item.name] = item.kind.read(raw)
            except SettingError as wrong:
                raise wrong.below(key) from None
        return found

    def finish(self, values: Mapping[str, object]) -> Made:
        """Return the dataclass of values that were read one by one."""
        values = dict(values)
        for item in self.settings.values():
            if item.name not in values:
                try:
                    values[item.name] = item.usually()
                except SettingError as wrong:
                    raise wrong.below(item.key) from None
        made = self.made(**values)
        check = getattr(made, "check", None)
        if check is not None:
            check()
        return made

    def show(self, value: Dataclass) -> dict[str, object]:
        """Return the table; what has its default is left out.

        Any record with fields of the same names will do.
        """
        return {
            item.key: item.kind.show(own)
            for item in self.settings.values()
            if (own := getattr(value, item.name)) != item.usually()
        }


def read(made: type[Made], *tables: Table, beside: Collection[str] = (), **given: object) -> Made:
    """Return the settings of a class, read from tables of which the later ones win.

    The first is the file: complaints about settings that nobody gave name it. Keys ``beside`` are
    left to others; ``given`` are fields that are no settings. Raises ConfigError in one line:
    place, key, what is wrong, what would be right.
    """
    struct, found = Struct(made), dict(given)
    places: dict[str, Table] = {}
    for table in tables:
        try:
            found.update(struct.values(table.content, beside))
        except SettingError as wrong:
            raise table.refusal(wrong) from None
        places.update(dict.fromkeys(table.content, table))
    try:
        return struct.finish(found)
    except SettingError as wrong:
        file = next(iter(tables), Table())
        raise places.get(wrong.key.partition(".")[0], file).refusal(wrong) from None


def environment(
    made: type[Dataclass], variables: Mapping[str, str], prefix: str = ""
) -> tuple[Table, ...]:
    """Return what the environment says, a table for each variable that is set.

    A setting's variable is the declared one, else ``prefix`` and its key in capitals, else none.
    """
    named = {
        item.key: item.variable or (f"{prefix}{item.key.upper()}" if prefix else "")
        for item in declared(made)
    }
    return tuple(
        Table(place=f"environment variable {name}", content={key: variables[name]})
        for key, name in named.items()
        if name in variables
    )
