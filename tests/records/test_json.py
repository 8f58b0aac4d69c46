"""The JSON form of records: what is written is described, and is read back as it was."""

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from boruta_farm.client import wire
from boruta_farm.model.account import AccountChange, GroupChange, Limits
from boruta_farm.model.declared import declared
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import NewRequest, Request, RequestUpdate
from boruta_farm.model.token import NewToken
from boruta_farm.model.worker import Reach, Worker, WorkerState
from boruta_farm.records.reading import JsonReader
from boruta_farm.records.writing import write
from boruta_farm.web.accounts import ACCOUNT_BODY, GROUP_BODY
from boruta_farm.web.answers import told
from boruta_farm.web.bodies import Reader
from boruta_farm.web.requests import REQUEST_BODY
from boruta_farm.web.shapes import answer, recorder
from boruta_farm.web.tokens import TOKEN_BODY
from tests.records.filled import TOLD, bare, filled


def hidden(record: Any) -> dict[str, object]:
    """Return the fields of a record that nobody is shown."""
    fields = [field.name for field in declared(type(record)) if field.shown is None]
    return {name: getattr(record, name) for name in fields}


STAND_INS: Any = {kind.__name__: lambda _, kind=kind: hidden(filled(kind)) for kind in TOLD}


@pytest.mark.parametrize("kind", [kind for kind in TOLD if kind is not Request])
def test_what_is_told_is_read_back(kind: type[Any]) -> None:
    for record in (filled(kind), bare(kind)):
        value = json.loads(told(record))
        reader = JsonReader(STAND_INS | {kind.__name__: lambda _, known=record: hidden(known)})
        assert reader.read(kind, value) == record


@pytest.mark.parametrize("kind", TOLD)
def test_the_client_and_the_terminal_have_the_servers_form(kind: type[Any]) -> None:
    for record in (filled(kind), bare(kind)):
        assert json.dumps(write(record)) == json.dumps(json.loads(told(record)))


@pytest.mark.parametrize("kind", TOLD)
def test_what_is_told_is_as_described(kind: type[Any]) -> None:
    described: type = kind
    for record in (filled(kind), bare(kind)):
        msgspec.json.decode(told(record), type=answer(described))


BODIES: dict[type, Reader[Any]] = {
    NewRequest: REQUEST_BODY,
    RequestUpdate: REQUEST_BODY,
    AccountChange: ACCOUNT_BODY,
    GroupChange: GROUP_BODY,
    NewToken: TOKEN_BODY,
}


@pytest.mark.parametrize("kind", BODIES)
def test_what_is_sent_is_what_arrives(kind: type[Any]) -> None:
    body = BODIES[kind].read(msgspec.json.encode(wire.body(filled(kind))))
    assert recorder(kind)(body) == filled(kind)


def test_a_request_goes_there_and_back() -> None:
    request = filled(Request)
    assert request.job is not None
    job = replace(request.job, request_id=request.id, phase=JobPhase.ENDED)
    assert wire.read_request(json.loads(told(request))) == replace(request, job=job, owner="")


def test_bodies_leave_out_what_is_as_by_default() -> None:
    assert wire.body(NewRequest(priority=8, caps=None)) == {"Priority": 8, "Caps": None}
    assert wire.body(NewToken()) == {}
    change = AccountChange(full_name="", groups=(), disabled=False, limits=Limits(jobs=2))
    assert wire.body(change) == {
        "FullName": "",
        "Groups": [],
        "Limits": {"Jobs": 2},
        "Disabled": False,
    }


def test_what_was_not_sent_is_as_by_default() -> None:
    assert recorder(AccountChange)(None) == AccountChange()
    assert recorder(NewToken)(TOKEN_BODY.read(b"{}")) == NewToken()


def test_what_a_newer_server_knows_falls_to_the_default_or_is_named() -> None:
    value = json.loads(told(filled(Worker)))
    assert wire.read(Worker, value | {"Reach": "by pigeon"}).reach is Reach.DIRECT
    with pytest.raises(ProtocolError, match="a worker with the unknown State 'ASLEEP'; it may be"):
        wire.read(Worker, value | {"State": "ASLEEP"})
    assert wire.read(Worker, value | {"Later": 1}).state is [*WorkerState][-1]
