"""A setting costs one place: whatever is declared is read, refused, told and written out."""

import tomllib
from collections.abc import Iterator
from dataclasses import make_dataclass
from typing import Any

import pytest

from boruta_farm.client.config import ProfileFile
from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.sandbox import SandboxSettings
from boruta_farm.dryad.plugins import find, installed
from boruta_farm.dryad.stm.settings import MuxPiSettings
from boruta_farm.dryad.tools.base import TOOLS, ToolDriver, ToolSettings
from boruta_farm.dryad.tools.registry import KINDS
from boruta_farm.model.errors import ConfigError
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings
from boruta_farm.server.config import ENVIRONMENT_PREFIX, Config
from boruta_farm.server.sites import SiteSettings
from boruta_farm.settings import document
from boruta_farm.settings.declaration import (
    Dataclass,
    Setting,
    Struct,
    declared,
    environment,
    read,
    setting,
)
from boruta_farm.settings.kinds import Whole
from boruta_farm.settings.table import Table
from tests.settings.strange import STRANGE

DECLARED: dict[str, type[Dataclass]] = {
    "server": Config,
    "agent": AgentConfig,
    "muxpi": MuxPiSettings,
    "sandbox": SandboxSettings,
    "provider": ProviderSettings,
    "workload": WorkloadSettings,
    "site": SiteSettings,
    "client": ProfileFile,
    "tools": ToolSettings,
    **{f"tools of the kind {kind}": each.settings for kind, each in KINDS.items()},
    **{f"tools by {name}": find(TOOLS, name, ToolDriver).settings for name in installed(TOOLS)},
}


def each(made: type[Dataclass], path: str = "") -> Iterator[tuple[str, type[Dataclass], Setting]]:
    """Return every setting with the path of its table and the class it is declared in."""
    for item in declared(made):
        if isinstance(item.kind, Struct):
            yield from each(item.kind.made, f"{path}{item.key}.")
        else:
            yield path, made, item


EACH = pytest.mark.parametrize("made", DECLARED.values(), ids=DECLARED)


@EACH
def test_it_has_words_and_a_kind_that_reads_its_default(made: type[Dataclass]) -> None:
    for _, _, item in each(made):
        assert item.words[0].isupper()
        assert item.words.endswith(".")
        assert "|" not in item.words
        if not item.required:
            usual = item.usually()
            assert item.kind.read(item.kind.show(usual)) == usual, item.key


@EACH
def test_the_reference_and_the_example_tell_of_it(made: type[Dataclass]) -> None:
    reference, example = document.reference(made), document.example(made)
    for path, _, item in each(made):
        table = path.removesuffix(".")
        assert f"| `{f'[{table}] ' if table else ''}{item.key}` | " in reference
        is_table = f"[{path}{item.key}]" in example
        key = f"[{path}{item.key}]" if is_table else f"{item.key} = "
        assert f"\n{key}" in example or f"\n# {key}" in example


@EACH
def test_whatever_it_is_set_to_is_read_or_told_in_one_line(made: type[Dataclass]) -> None:
    for path, own, item in each(made):
        for raw in STRANGE:
            table = Table(place="f.toml", path=path.removesuffix("."), content={item.key: raw})
            words = complaint(own, table)
            assert words.isprintable()
            assert len(words) < 600
            assert not words or words.startswith("f.toml: "), (item.key, raw)


def complaint(made: type[Dataclass], table: Table) -> str:
    """Return what is said against a table, nothing when nothing is."""
    given: dict[str, Any] = {"path": None} if made is AgentConfig else {}
    try:
        read(made, table, **given)
    except ConfigError as wrong:
        return wrong.message
    return ""


@EACH
def test_its_default_is_what_the_example_says(made: type[Dataclass]) -> None:
    example = document.example(made).replace("# ", "")
    for _, _, item in each(made):
        if item.example is not None or item.required or isinstance(item.usually(), dict):
            continue
        line = f"{item.key} = {document.toml_value(item.kind.show(item.usually()))}"
        assert line in example
        assert item.kind.read(tomllib.loads(line)[item.key]) == item.usually()


@pytest.mark.parametrize("item", declared(Config), ids=lambda item: item.key)
def test_the_environment_sets_it(item: Setting) -> None:
    text = item.kind.show(item.usually())
    variables = {
        f"BORUTA_{item.key.upper()}": str(text).lower() if text in (True, False) else str(text)
    }
    [table] = environment(Config, variables, ENVIRONMENT_PREFIX)
    assert item.kind.read(table.content[item.key]) == item.usually()


def test_one_field_is_all_that_a_new_setting_takes() -> None:
    wanted = setting(Whole(1, 9), "How loud the farm is.", default=3)
    grown = make_dataclass(
        "Grown", [("loudness", int, wanted)], bases=(Config,), frozen=True, kw_only=True
    )
    assert read(grown).loudness == 3
    assert read(grown, Table(content={"loudness": 4})).loudness == 4
    assert "| `loudness` | `3` | How loud the farm is. |" in document.reference(grown)
    assert "# How loud the farm is.\n# loudness = 3\n" in document.example(grown)
    assert "\nloudness = 7\n" in document.describe(read(grown, Table(content={"loudness": 7})))
    [told] = environment(grown, {"BORUTA_LOUDNESS": "5"}, ENVIRONMENT_PREFIX)
    assert read(grown, Table(), told).loudness == 5
    with pytest.raises(
        ConfigError, match=r"BORUTA_LOUDNESS: loudness: '10' must lie between 1 and 9"
    ):
        read(grown, Table(), *environment(grown, {"BORUTA_LOUDNESS": "10"}, ENVIRONMENT_PREFIX))
    with pytest.raises(
        ConfigError, match=r"loudnes: there is no such setting; did you mean loudness"
    ):
        read(grown, Table(content={"loudnes": 4}))
