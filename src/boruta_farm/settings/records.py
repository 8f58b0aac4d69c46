"""Records that we keep ourselves in JSON files: what was not written by us is damage."""

import dataclasses
import json
from collections.abc import Mapping

from boruta_farm.settings.declaration import Dataclass, Made, Struct
from boruta_farm.settings.table import SettingError


def write_record(record: Dataclass, **beside: object) -> bytes:
    """Return a record as a JSON object, with what stands ``beside`` it first."""
    return json.dumps({**beside, **dataclasses.asdict(record)}).encode()


def read_record(struct: Struct[Made], content: Mapping[str, object]) -> Made:
    """Return the record that ``write_record`` wrote.

    People's spellings, missing and unknown keys are refused: nobody but us writes it. Raises
    SettingError.
    """
    record = struct.read(content)
    written = json.loads(write_record(record))
    for key in {**written, **content}:
        given = content.get(key)
        if key not in content or type(given) is not type(written[key]) or given != written[key]:
            raise SettingError("was not written by us", key)
    return record
