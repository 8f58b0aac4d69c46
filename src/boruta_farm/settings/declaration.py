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

from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.kinds import Kind
from boruta_farm.settings.table import SettingError, Table, mapping, unknown

METADATA: Final = "setting"


class Dataclass(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Made = TypeVar("Made", bound=Dataclass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Carry all that is declared of one setting.

    ``usual`` tells the default to people where the value does not. ``example`` is what an example
    file shows where the default says nothing. A ``written`` setting stands in it without a ``#``.
    ``variable`` is the environment's name for it.
    """

    name: str
    key: str
    kind: Kind[Any]
    words: str
    default: object = MISSING
    make: Callable[[], object] | None = None
    usual: str = ""
    example: object = None
    written: bool = False
    variable: str = ""

    @property
    def required(self) -> bool:
        """Tell whether it must be given."""
        return self.default is MISSING and self.make is None

    def usually(self) -> object:
        """Return the default."""
        return self.make() if self.make is not None else self.default


def setting(
    kind: Kind[Any],
    words: str,
    *,
    default: object = MISSING,
    make: Callable[[], object] | None = None,
    key: str = "",
    usual: str = "",
    example: object = None,
    written: bool = False,
    variable: str = "",
    hidden: bool = False,
) -> Any:
    """Return the dataclass field of a setting; see ``Setting``.

    ``make`` returns a default that depends on machine or user. Without either the setting must be
    given. ``key`` is its name in files, by default the field's. A ``hidden`` one is not in repr.
    """
    declared = {
        METADATA: Setting(
            name="",
            key=key,
            kind=kind,
            words=words,
            default=default,
            make=make,
            usual=usual,
            example=example,
            written=written,
            variable=variable,
        )
    }
    if make is not None:
        return dataclasses.field(default_factory=make, metadata=declared, repr=not hidden)
    if default is MISSING:
        return dataclasses.field(metadata=declared, repr=not hidden)
    return dataclasses.field(default=default, metadata=declared, repr=not hidden)


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


class Struct(Kind[Made], Generic[Made]):
    """A table whose settings are the fields of a dataclass.

    A class may have a method ``check``, which raises SettingError for settings that contradict
    each other.
    """

    def __init__(self, made: type[Made]) -> None:
        self.made = made
        self.settings = {item.key: item for item in declared(made)}

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
            if item.name in values:
                continue
            if isinstance(item.kind, Struct):
                values[item.name] = item.kind.below(item.key)
            elif item.required:
                raise SettingError(
                    f"is missing; {item.words[:1].lower()}{item.words[1:]}", item.key
                )
        made = self.made(**values)
        check = getattr(made, "check", None)
        if check is not None:
            check()
        return made

    def below(self, key: str) -> Made:
        """Return what an absent table named ``key`` means."""
        try:
            return self.finish({})
        except SettingError as wrong:
            raise wrong.below(key) from None

    def show(self, value: Made) -> object:
        """Return the table."""
        return {
            item.key: item.kind.show(getattr(value, item.name)) for item in self.settings.values()
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
        raise blamed(wrong, tables, places) from None


def blamed(
    wrong: SettingError, tables: Collection[Table], places: Mapping[str, Table]
) -> ConfigError:
    """Return a complaint about settings together: at the place that gave the one it names."""
    file = next(iter(tables), Table())
    return places.get(wrong.key.partition(".")[0], file).refusal(wrong)


def environment(
    made: type[Dataclass], variables: Mapping[str, str], prefix: str = ""
) -> tuple[Table, ...]:
    """Return what the environment says, a table for each variable that is set.

    A setting's variable is the declared one, else ``prefix`` and its key in capitals, else none.
    """
    return tuple(
        Table(place=f"environment variable {name}", content={item.key: variables[name]})
        for item in declared(made)
        if (name := variable_of(item, prefix)) in variables
    )


def variable_of(item: Setting, prefix: str = "") -> str:
    """Return the environment's name of a setting, empty when it has none."""
    return item.variable or (f"{prefix}{item.key.upper()}" if prefix else "")
