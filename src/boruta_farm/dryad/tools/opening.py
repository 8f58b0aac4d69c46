"""The tables ``[tools.NAME]`` read: each by its driver's settings, its kind's, and its own."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from boruta_farm.dryad.plugins import find
from boruta_farm.dryad.tools.base import TOOLS, Bench, Tool, ToolDriver, ToolSettings
from boruta_farm.dryad.tools.registry import KINDS
from boruta_farm.dryad.tools.toolbox import FittedTool, Toolbox
from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.settings.declaration import Dataclass, Struct, declared
from boruta_farm.settings.table import SettingError, mapping, unknown

MOST: Final = 32
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")


def open_toolbox(tables: object, bench: Bench) -> Toolbox:
    """Return the tools of a table ``tools``, not yet started; ``bench`` lacks the tools' names.

    Raises SettingError with the path below that table.
    """
    content = mapping(tables)
    if len(content) > MOST:
        raise SettingError(f"a board may have at most {MOST} tools")
    return Toolbox([_below(name, table, bench) for name, table in content.items()])


def _below(name: str, table: object, bench: Bench) -> FittedTool:
    try:
        if not _NAME.fullmatch(name):
            raise SettingError(
                "no tool can be called so; use up to 31 lower-case letters, digits, - and _, "
                "beginning with a letter"
            )
        return _open(name, mapping(table), bench)
    except SettingError as wrong:
        raise wrong.below(name) from None


def _open(name: str, content: Mapping[str, object], bench: Bench) -> FittedTool:
    own = _keys(ToolSettings)
    settings = Struct(ToolSettings)
    chosen = settings.finish(settings.values(content, content.keys() - own))
    try:
        driver: ToolDriver[Dataclass] = find(TOOLS, chosen.driver, ToolDriver)
    except ConfigError as error:
        raise SettingError(error.message, "driver") from None
    of_kinds = {key for kind in driver.kinds for key in _keys(KINDS[kind].settings)}
    mine = Struct(driver.settings)
    known = own | of_kinds | mine.settings.keys()
    if strange := next((key for key in content if key not in known), None):
        raise unknown(strange, sorted(known - {"driver"}))
    bench = replace(bench, tool=name, folder=bench.folder / name)
    beside = (own | of_kinds) - mine.settings.keys()
    tool = _make(driver, mine.finish(mine.values(content, beside)), bench, chosen.driver)
    kind = KINDS[tool.kind]
    if not isinstance(tool, kind.protocol):
        raise SettingError(
            f"{chosen.driver!r} opens a tool that lacks methods of the kind {kind.kind}; mend or "
            "reinstall the package that brings it",
            "driver",
        )
    theirs = Struct(kind.settings)
    table = theirs.finish(theirs.values(content, own | mine.settings.keys()))
    return FittedTool(name=name, tool=tool, kind=kind, settings=chosen, table=table)


def _make(driver: ToolDriver[Dataclass], settings: Dataclass, bench: Bench, name: str) -> Tool:
    try:
        tool = driver.open(settings, bench)
    except SettingError:
        raise
    except BorutaError as error:
        raise SettingError(error.message, "driver") from None
    except Exception as error:  # a foreign package may raise anything
        raise SettingError(
            f"{name!r} cannot be opened: {type(error).__name__}: {error}; mend or reinstall the "
            "package that brings it",
            "driver",
        ) from error
    if not isinstance(tool, Tool) or tool.kind not in driver.kinds:
        raise SettingError(
            f"{name!r} opens a {type(tool).__name__}, which is no Tool of its kinds; mend its "
            "package",
            "driver",
        )
    return tool


def _keys(made: type[Dataclass]) -> set[str]:
    return {item.key for item in declared(made)}
