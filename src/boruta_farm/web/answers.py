"""Records as the JSON that clients of the original know, our additive keys after theirs."""

from dataclasses import replace

import msgspec

from boruta_farm.contracts import Filed
from boruta_farm.model.explanation import Cause
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo
from boruta_farm.records.writing import Json, JsonWriter
from boruta_farm.web.times import encodable

encode = msgspec.json.Encoder().encode
"""Encode JSON as it stands."""

write = JsonWriter(time=encodable).write
"""Return a record's JSON object."""

UNSERVED = frozenset({Cause.NO_BOARD, Cause.GROUPS})
"""Causes that no amount of waiting removes, unless the farm's boards change."""


def told(record: object) -> bytes:
    """Return a record as the API tells it."""
    return encode(write(record))


def warned(filed: Filed) -> Filed:
    """Return a new request's answer with the warnings that are due."""
    outlook = filed.outlook
    if outlook is None or outlook.cause not in UNSERVED:
        return filed
    return replace(filed, warnings=(outlook.text,))


def request_answer(request: Request) -> Json:
    """Show a request.

    The job of a request that still shows WAITING is not told, nor is an owner's name in a farm
    that knows no users.
    """
    if request.state is RequestState.WAITING and request.job is not None:
        request = replace(request, job=None)
    answer = write(request)
    if request.owner_groups is None:
        answer["Owner"] = {"Groups": None}
    return answer


def access_answer(access: AccessInfo, ip: str) -> Json:
    """Show how to reach a board at ``ip``, which may carry an IPv6 zone after ``%``."""
    host, _, zone = ip.partition("%")
    return write(replace(access, ip=host, zone=zone))
