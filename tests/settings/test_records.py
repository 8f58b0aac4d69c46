"""A record is read as it was written, and nothing else is."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from boruta_farm.settings.declaration import Struct, setting
from boruta_farm.settings.files import parse_json
from boruta_farm.settings.kinds import Maybe, Number, OneOf, Several, Switch, Text, Whole
from boruta_farm.settings.records import read_record, write_record
from boruta_farm.settings.table import SettingError


class Phase(StrEnum):
    CLEAN = "CLEAN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    epoch: int = setting(Whole(), default=0)
    done: bool = setting(Switch(), default=False)
    end: float | None = setting(Maybe(Number(0, 1e12)), default=None)
    phase: Phase = setting(OneOf(Phase), default=Phase.CLEAN)
    found: tuple[str, ...] = setting(Several(Text()), default=())


STRUCT = Struct(Record)


@pytest.mark.parametrize(
    "record", [Record(), Record(epoch=7, done=True, end=12.5, found=("a",)), Record(end=3.0)]
)
def test_what_was_written_is_read(record: Record) -> None:
    assert read_record(STRUCT, parse_json(write_record(record))) == record
    assert parse_json(write_record(record, format=1))["format"] == 1


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b'"epoch": "7"', "epoch"),
        (b'"epoch": true', "epoch"),
        (b'"done": "yes"', "done"),
        (b'"end": ""', "end"),
        (b'"end": 1e13', "end"),
        (b'"phase": "MISTY"', "phase"),
        (b'"found": [1]', "found"),
        (b'"extra": 1', "extra"),
        (None, "done"),
    ],
)
def test_other_spellings_and_missing_keys_are_damage(content: bytes | None, key: str) -> None:
    fields = dict(parse_json(write_record(Record())))
    if content is None:
        del fields[key]
    else:
        fields.update(parse_json(b"{" + content + b"}"))
    with pytest.raises(SettingError) as wrong:
        read_record(STRUCT, fields)
    assert wrong.value.key == key
