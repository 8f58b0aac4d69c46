"""Records as the JSON that clients of the original know, our additive keys after theirs."""

from dataclasses import replace
from datetime import datetime

import msgspec

from boruta_farm.contracts import Explanation, Filed
from boruta_farm.model.job import JobPhase
from boruta_farm.model.readiness import BEGINNING, ReadyingBoard
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo
from boruta_farm.records.writing import Json, JsonWriter
from boruta_farm.web.times import encodable
from boruta_farm.words.explanation import said
from boruta_farm.words.times import Times

encode = msgspec.json.Encoder().encode
"""Encode JSON as it stands."""

write = JsonWriter(time=encodable).write
"""Return a record's JSON object."""


def told(record: object) -> bytes:
    """Return a record as the API tells it."""
    return encode(write(record))


def explained(found: Explanation, now: datetime) -> Explanation:
    """Return why a request waits with the words for it, times in UTC; the farm may have said it."""
    return found if found.text else said(found, Times(now=now))


def warned(filed: Filed, now: datetime) -> Filed:
    """Return a new request's answer with the words for it, and the warnings that are due."""
    if filed.outlook is None:
        return filed
    outlook = explained(filed.outlook, now)
    warnings = (outlook.text,) if outlook.cause.hopeless else None
    return replace(filed, outlook=outlook, warnings=warnings)


def request_answer(request: Request) -> Json:
    """Show a request.

    The job of a request that still shows WAITING is not told, but for the board that is made ready,
    nor is an owner's name in a farm that knows no users.
    """
    if request.state is RequestState.WAITING and (job := request.job) is not None:
        readying = None
        if job.phase is JobPhase.READYING:
            readying = ReadyingBoard(
                worker=job.worker, since=job.granted, progress=job.progress or BEGINNING
            )
        request = replace(request, job=None, readying=readying)
    answer = write(request)
    if request.owner_groups is None:
        answer["Owner"] = {"Groups": None}
    return answer


def access_answer(access: AccessInfo, ip: str) -> Json:
    """Show how to reach a board at ``ip``, which may carry an IPv6 zone after ``%``."""
    host, _, zone = ip.partition("%")
    return write(replace(access, ip=host, zone=zone))
