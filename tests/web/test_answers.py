import json
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.making import make_worker
from tests.web.serving import NOW

from boruta_farm.model.explanation import Cause, Explanation
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import AccessInfo, Fence
from boruta_farm.web import answers

REQUEST = Request(
    id=6,
    owner="id",
    owner_name="ann",
    owner_groups=None,
    priority=8,
    valid_after=NOW,
    deadline=NOW + timedelta(days=30),
    state=RequestState.WAITING,
    caps={"type": "t1", "arch": "arm"},
    created=NOW,
)
JOB = Job(
    request_id=6,
    worker="uuid",
    epoch=4,
    phase=JobPhase.LIVE,
    granted=NOW,
    timeout=NOW + timedelta(hours=1),
    limit=NOW + timedelta(hours=24),
)


def shown(request: Request) -> dict[str, object]:
    found: dict[str, object] = json.loads(answers.encode(answers.request_answer(request)))
    return found


def test_a_waiting_request() -> None:
    assert shown(REQUEST) == {
        "ID": 6,
        "Priority": 8,
        "Owner": {"Groups": None},
        "Deadline": "2026-12-23T20:07:42.739845Z",
        "ValidAfter": "2026-11-23T20:07:42.739845Z",
        "State": "WAITING",
        "Job": None,
        "Caps": {"arch": "arm", "type": "t1"},
        "Created": "2026-11-23T20:07:42.739845Z",
    }


def test_capabilities_are_sorted_as_go_sorts_maps() -> None:
    assert b'"Caps":{"arch":"arm","type":"t1"}' in answers.encode(answers.request_answer(REQUEST))


def test_no_capabilities_stay_null() -> None:
    assert shown(replace(REQUEST, caps=None))["Caps"] is None
    assert shown(replace(REQUEST, caps={}))["Caps"] == {}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [(None, None), (frozenset(), None), (frozenset({"b", "a"}), ["a", "b"])],
)
def test_owner_without_groups_is_null(groups: frozenset[str] | None, expected: object) -> None:
    owner = shown(replace(REQUEST, owner_groups=groups))["Owner"]
    named = {} if groups is None else {"Name": "ann"}
    assert owner == {"Groups": expected} | named


def test_an_opening_job_is_not_shown_before_its_state() -> None:
    opening = replace(JOB, phase=JobPhase.OPENING)
    assert shown(replace(REQUEST, job=opening))["Job"] is None
    running = replace(REQUEST, job=JOB, state=RequestState.IN_PROGRESS)
    assert shown(running)["Job"] == {
        "WorkerUUID": "uuid",
        "Timeout": "2026-11-23T21:07:42.739845Z",
        "Epoch": 4,
        "Granted": "2026-11-23T20:07:42.739845Z",
        "Limit": "2026-11-24T20:07:42.739845Z",
    }


def test_a_board_that_is_made_ready_is_told_beside_the_job_that_nobody_has_yet() -> None:
    readying = replace(JOB, phase=JobPhase.READYING)
    for progress in (None, "writing"):
        found = shown(replace(REQUEST, job=replace(readying, progress=progress)))
        assert found["Job"] is None
        assert found["Readying"] == {
            "WorkerUUID": "uuid",
            "Since": "2026-11-23T20:07:42.739845Z",
            "Progress": progress or "it begins",
        }
    over = replace(REQUEST, job=JOB, state=RequestState.IN_PROGRESS)
    assert "Readying" not in shown(over)


def test_our_own_keys_appear_with_their_values() -> None:
    finished = replace(
        REQUEST, ssh_key="ssh-ed25519 AAAA", keep_alive=60, reason="closed", finished=NOW
    )
    assert list(shown(finished))[8:] == ["SSHKey", "KeepAlive", "Reason", "Created", "Finished"]


def test_worker_without_groups_is_null_never_empty() -> None:
    worker = make_worker(fence=Fence.AGENT)
    found = json.loads(answers.told(worker))
    assert found["Groups"] is None
    assert list(found)[:4] == ["WorkerUUID", "State", "Groups", "Caps"]
    assert (found["Name"], found["Fence"], found["AfterJob"]) == ("board-1", "agent", False)
    assert "Board" not in found
    grouped = replace(worker, groups=("a", "b"), facts={"cpu": "4"})
    found = json.loads(answers.told(grouped))
    assert (found["Groups"], found["Board"]) == (["a", "b"], {"cpu": "4"})


@pytest.mark.parametrize(
    ("ip", "host", "zone"), [("::1", "::1", ""), ("fe80::1%eth0", "fe80::1", "eth0")]
)
def test_an_address_has_its_zone_apart(ip: str, host: str, zone: str) -> None:
    access = AccessInfo(ip="", port=7, key="k", username="u", host_key="ssh-ed25519 B")
    assert json.loads(answers.encode(answers.access_answer(access, ip))) == {
        "Addr": {"IP": host, "Port": 7, "Zone": zone},
        "Key": "k",
        "Username": "u",
        "HostKey": "ssh-ed25519 B",
    }


def test_what_the_farm_has_said_of_a_request_is_not_said_again() -> None:
    found = Explanation(request_id=6, state="WAITING", cause=Cause.NO_BOARD)
    assert answers.explained(found, NOW).text == "no board is registered"
    held = replace(found, text="no board is lent just now")
    assert answers.explained(held, NOW) is held
