import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from boruta_farm.client import wire
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.events import EventKind
from boruta_farm.model.explanation import (
    AbsentWorker,
    Cause,
    Explanation,
    Filed,
    Forecast,
    Guess,
    JobLimit,
    Lack,
    NearMiss,
    WorkerHolder,
)
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.web import answers

ORIGINAL_REQUEST: dict[str, Any] = {
    "ID": 1,
    "Priority": 4,
    "Owner": {"Groups": None},
    "Deadline": "2026-12-01T00:00:00.123456789Z",
    "ValidAfter": "2026-11-01T00:00:00Z",
    "State": "IN PROGRESS",
    "Job": {"WorkerUUID": "u", "Timeout": "2026-11-01T02:00:00+01:00"},
    "Caps": {"device_type": "rpi4"},
}
ORIGINAL_WORKER: dict[str, Any] = {
    "WorkerUUID": "u",
    "State": "IDLE",
    "Groups": None,
    "Caps": {"UUID": "u"},
}

HOUR = timedelta(hours=1)


def test_request_of_the_original() -> None:
    request = wire.read_request(ORIGINAL_REQUEST)
    assert (request.id, request.priority, request.state) == (1, 4, RequestState.IN_PROGRESS)
    assert request.deadline == datetime(2026, 12, 1, 0, 0, 0, 123456, tzinfo=UTC)
    assert request.created == request.valid_after
    assert request.owner_groups is None
    assert request.job is not None
    assert request.job.timeout == datetime(2026, 11, 1, 1, tzinfo=UTC)
    assert request.job.phase is JobPhase.LIVE


def test_additive_keys_of_ours() -> None:
    more = {
        "Owner": {"Groups": ["ci"]},
        "State": "DONE",
        "SSHKey": "ssh-ed25519 AAAA",
        "KeepAlive": 120,
        "Reason": "closed",
        "Created": "2026-10-01T00:00:00Z",
        "Finished": "2026-11-01T00:30:00Z",
    }
    request = wire.read_request(ORIGINAL_REQUEST | more)
    assert request.owner_groups == frozenset({"ci"})
    assert (request.ssh_key, request.keep_alive, request.reason) == (
        "ssh-ed25519 AAAA",
        120,
        "closed",
    )
    assert request.created == datetime(2026, 10, 1, tzinfo=UTC)
    assert request.finished == datetime(2026, 11, 1, 0, 30, tzinfo=UTC)
    assert request.job is not None
    assert request.job.phase is JobPhase.ENDED


def test_worker_of_the_original_and_of_ours() -> None:
    worker = wire.read(Worker, ORIGINAL_WORKER)
    assert (worker.uuid, worker.name, worker.state) == ("u", "u", WorkerState.IDLE)
    assert (worker.groups, worker.fence) == ((), Fence.NONE)
    more = {"Name": "lab", "Fence": "agent", "Groups": ["a", "b"], "AfterJob": True, "Port": 20001}
    worker = wire.read(Worker, ORIGINAL_WORKER | more)
    assert (worker.name, worker.fence, worker.groups) == ("lab", Fence.AGENT, ("a", "b"))
    assert (worker.after_job, worker.port) == (True, 20001)


@pytest.mark.parametrize(
    ("address", "ip"),
    [
        ({"IP": "10.0.0.7", "Port": 1, "Zone": ""}, "10.0.0.7"),
        ({"IP": "::", "Port": 1, "Zone": ""}, "lab"),
        ({"IP": None, "Port": 1}, "lab"),
        ({"IP": "fe80::1", "Port": 1, "Zone": "eth0"}, "fe80::1%eth0"),
    ],
)
def test_access_is_an_address_to_dial(address: dict[str, Any], ip: str) -> None:
    access = wire.read_access({"Addr": address, "Key": "K", "Username": "boruta-user"}, "lab")
    assert (access.host, access.port, access.key, access.host_key) == (ip, 1, "K", None)


@pytest.mark.parametrize(
    ("ip", "zone", "called", "host"),
    [
        ("fe80::1", "", "fe80::1%eth0", "fe80::1%eth0"),
        ("fe80::1", "end0", "fe80::1%eth0", "fe80::1%eth0"),
        ("fe80::1", "eth1", "farm.local", "fe80::1%eth1"),
        ("fe80::2", "", "fe80::1%eth0", "fe80::2"),
        ("10.0.0.7", "", "fe80::1%eth0", "10.0.0.7"),
    ],
)
def test_a_link_local_board_is_on_the_cable_by_which_the_farm_was_called(
    ip: str, zone: str, called: str, host: str
) -> None:
    address = {"IP": ip, "Port": 1, "Zone": zone}
    access = wire.read_access({"Addr": address, "Key": "K", "Username": "boruta-user"}, called)
    assert access.host == host


@pytest.mark.parametrize("place", ["HostKey", "HostAuthority"])
def test_the_door_s_keys_are_one_line_each(place: str) -> None:
    good = {"Port": 8022, "HostKey": "ssh-ed25519 AAAA", "HostAuthority": "ssh-ed25519 BBBB"}
    assert wire.read_door(good).authority == "ssh-ed25519 BBBB"
    for bad in ("ssh-ed25519 CCCC\n@cert-authority * ssh-ed25519 DDDD", "ssh-rsa A \x1b[2J", ""):
        with pytest.raises(ProtocolError, match="host key that is none"):
            wire.read_door(good | {place: bad})


def test_event_and_an_event_of_tomorrow() -> None:
    value = {"Number": 5, "At": "2026-11-01T00:00:00Z", "Kind": "worker.lost", "Worker": "u"}
    event = wire.read_event(value)
    assert event is not None
    assert (event.number, event.kind, event.worker) == (5, EventKind.WORKER_LOST, "u")
    assert wire.read_event(value | {"Kind": "worker.painted"}) is None


def test_explanation() -> None:
    holder = {
        "WorkerUUID": "u",
        "Name": "lab",
        "Request": 3,
        "Owner": "ann",
        "Until": "2026-11-01T00:00:00Z",
    }
    value = {"ID": 4, "State": "WAITING", "Position": 2, "Matching": {"RUNNING": 1}}
    found = wire.read(Explanation, value | {"Holders": [holder], "Text": "words"})
    assert (found.position, found.matching, found.text) == (2, {"RUNNING": 1}, "words")
    assert (found.holders[0].name, found.holders[0].owner) == ("lab", "ann")
    assert (found.cause, found.forecast, found.guesses) == (Cause.NONE, None, ())


def test_the_original_tells_a_new_request_s_id_alone() -> None:
    assert wire.read(Filed, {"ReqID": 7}) == Filed(id=7)


def test_an_explanation_survives_the_way_over_the_wire() -> None:
    when = datetime(2026, 11, 1, 12, tzinfo=UTC)
    sent = Explanation(
        request_id=4,
        state="WAITING",
        position=3,
        matching={"FAILED": 1},
        holders=(WorkerHolder(worker="u", name="lab", request_id=3, owner=None, until=when),),
        cause=Cause.OUT_OF_SERVICE,
        absent=(
            AbsentWorker(
                worker="v", name="lab-2", state="FAILED", reason="fan", unreachable_since=when
            ),
        ),
        lacking={"hdmi=yes": 2},
        other_groups=3,
        groups=("ci",),
        wanted=("hdmi=yes", "ram >= 4"),
        unknown=("hdmi=yes",),
        guesses=(Guess(given="ye", meant=("yes", "no"), capability="hdmi"),),
        without={"hdmi=yes": 4},
        near_miss=NearMiss(
            worker="w",
            name="lab-3",
            lacks=(Lack(name="hdmi", wanted="not hdmi=no", has="hdmi=no", barred=True),),
        ),
        registered=7,
        not_before=when + HOUR,
        limit=JobLimit(kind="group", name="ci", held=2, allowed=2),
        policy="priority",
        decided="priority",
        forecast=Forecast(earliest=when, latest=when + HOUR, hits=1, of=2),
        standing=Standing(
            subject=Subject.WORKER,
            state="RUNNING",
            request_id=4,
            worker="lab",
            since=when,
            until=when + HOUR,
            longest=24 * HOUR,
            reason="why",
            unreachable_since=when,
        ),
    )
    sent = answers.explained(sent, when)
    usual = Explanation(request_id=0, state="")
    same = {name for name in Explanation.__slots__ if getattr(sent, name) == getattr(usual, name)}
    assert not same, "every field differs from its default"
    value = json.loads(answers.told(sent))
    assert wire.read(Explanation, value) == sent
    newer = wire.read(Explanation, value | {"Cause": "a newer one"})
    assert (newer.cause, newer.text) == (Cause.NONE, sent.text)
    filed = Filed(id=4, outlook=sent)
    assert wire.read(Filed, json.loads(answers.told(filed))) == filed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ID": "1"}, "a request with ID being a text of another form"),
        ({"ID": True}, "ID being true or false"),
        ({"ID": None}, "a request without ID"),
        ({"State": "DREAMING"}, "unknown State 'DREAMING'"),
        ({"Deadline": "soon"}, "Deadline being"),
        ({"Deadline": "0001-01-01T00:00:00Z"}, "without Deadline"),
        ({"Caps": {"a": 1}}, "Caps being an object"),
        ({"Owner": {"Groups": [1]}}, "Groups being a list"),
        ({"Job": []}, "a list where a job was expected"),
    ],
)
def test_what_breaks_the_protocol_is_named(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        wire.read_request(ORIGINAL_REQUEST | change)


def test_a_list_must_be_one() -> None:
    with pytest.raises(ProtocolError, match="nothing where a list was expected"):
        wire.read_requests(None)
