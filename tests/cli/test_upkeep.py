import json

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import Manner
from tests.cli.stage import Boruta
from tests.client.serving import ANN, Served, uuid_of


@pytest.fixture(autouse=True)
def boards(served: Served) -> None:
    """Register three boards."""
    served.board(1, "lab-a", caps={"board": "rpi4"})
    served.board(2, "lab-b", state=WorkerState.MAINTENANCE, caps={"board": "rpi4"})
    served.board(3, "far-c", state=WorkerState.FAILED)


def states(served: Served) -> list[str]:
    return [worker.state.value for worker in served.workers()]


def test_maintenance_with_reason_and_after_job(boruta: Boruta, served: Served) -> None:
    boruta("worker", "maintenance", "lab-a", "far", "--reason", "new card", "--after-job")
    assert states(served)[:2] == ["MAINTENANCE"] * 2
    bodies = [call.body for call in served.heard if call.path.endswith("/setstate")]
    wanted = {"WorkerState": "MAINTENANCE", "Reason": "new card", "AfterJob": True}
    assert [json.loads(body) for body in bodies] == [wanted, wanted]


def test_idle_means_those_in_maintenance_unless_named(boruta: Boruta, served: Served) -> None:
    boruta("worker", "idle", "--all")
    assert states(served) == ["IDLE", "IDLE", "FAILED"]
    assert boruta("worker", "idle", "-c", "board=rpi4").err == "boruta: nothing to do\n"


def test_a_named_board_that_is_idle_is_told_so(boruta: Boruta, served: Served) -> None:
    assert boruta("worker", "idle", "lab-a").err == "lab-a is IDLE already\n"
    refused = boruta("worker", "idle", "far-c", status=1).err
    assert "far-c: it is FAILED" in refused
    assert states(served) == ["IDLE", "MAINTENANCE", "FAILED"]


def test_what_was_to_come_after_a_job_is_taken_back(boruta: Boruta, served: Served) -> None:
    boruta("new", "-c", "board=rpi4")
    boruta("worker", "maintenance", "lab-a", "--after-job")
    assert served.worker(1).after_job
    boruta("worker", "idle", "--all")
    assert states(served) == ["RUNNING", "IDLE", "FAILED"]
    assert not served.worker(1).after_job


def test_capabilities_choose(boruta: Boruta, served: Served) -> None:
    boruta("worker", "maintenance", "-c", "board=rpi4")
    assert states(served) == ["MAINTENANCE", "MAINTENANCE", "FAILED"]
    words = boruta("worker", "idle", "-c", "board=x", status=1).err
    assert words == "boruta: no worker has board=x; see: boruta workers\n"


def test_one_way_to_choose(boruta: Boruta) -> None:
    for arguments in ([], ["lab-a", "--all"], ["-c", "a=b", "--all"]):
        words = boruta("worker", "idle", *arguments, status=2).err
        assert "name workers, or choose them with -c NAME=VALUE, or take --all" in words


def test_one_failure_does_not_keep_the_others_from_it(boruta: Boruta, served: Served) -> None:
    words = {"message": "invalid request: Invalid state transition was requested"}
    served.answers["setstate"] = [(400, words | {"Code": "invalid-transition"})]
    outcome = boruta("worker", "maintenance", "lab-a", "lab-b", status=1)
    refused = "boruta: lab-a: Invalid state transition was requested\n"
    assert outcome.err == f"{refused}lab-b goes into MAINTENANCE\n"
    assert states(served) == ["IDLE", "MAINTENANCE", "FAILED"]
    assert served.count("POST", f"workers/{uuid_of(2)}/setstate") == 1


def test_waiting_until_they_are_there(boruta: Boruta, served: Served) -> None:
    """A board that fails meanwhile never will be."""
    told = "lab-b is taken into service: cleaned, prepared, then IDLE\n"
    assert boruta("worker", "idle", "lab-b", "--wait").err == told
    assert states(served)[:2] == ["IDLE", "IDLE"]
    served.manner(2, Manner.BADLY)
    outcome = boruta("worker", "maintenance", "lab-a", "lab-b", "--wait", status=1)
    assert outcome.err.endswith("boruta: lab-b: simulated fault\n")
    assert states(served)[:2] == ["MAINTENANCE", "FAILED"]


def test_a_board_that_somebody_waits_for_is_there_once_it_is_lent(
    boruta: Boruta, served: Served
) -> None:
    wanted = NewRequest(caps={"UUID": uuid_of(2)}, priority=8)
    served.do(served.contracts.requests.new_request(LOCAL_ADMIN, wanted))
    boruta("worker", "idle", "lab-b", "--wait")
    assert served.worker(2).state is WorkerState.RUNNING


def test_groups(boruta: Boruta, served: Served) -> None:
    boruta("worker", "groups", "lab-a", "-g", "ci", "-g", "arm")
    assert served.worker(1).groups == ("arm", "ci")
    boruta("worker", "groups", "lab-a", "--none")
    assert served.worker(1).groups == ()
    for arguments in ([], ["-g", "ci", "--none"]):
        words = boruta("worker", "groups", "lab-a", *arguments, status=2).err
        assert "say the groups with --group, or --none" in words


def test_what_orphans_requests_is_asked_first(boruta: Boruta, served: Served) -> None:
    served.file(3, 3, owner=ANN)
    served.file(2, 3, owner=ANN)
    outcome = boruta("worker", "deregister", "far-c", stdin="n\n", status=1)
    assert "3 waiting requests can be served by far-c only. Shall it be removed" in outcome.err
    assert outcome.err.endswith("boruta: far-c: left as it is\n")
    assert len(served.workers()) == 3
    boruta("worker", "deregister", "far-c", stdin="y\n")
    assert len(served.workers()) == 2
    words = boruta("worker", "groups", "lab-b", "-g", "ci", "--yes").err
    cost = "boruta: 3 waiting requests can be served by lab-b only\n"
    assert words == f"{cost}lab-b serves ci from now on\n"
    assert served.worker(2).groups == ("ci",)


def test_nobody_there_to_answer_is_no_yes(boruta: Boruta, served: Served) -> None:
    served.file(3)
    boruta("worker", "deregister", "far-c", stdin="", status=1)
    assert len(served.workers()) == 3


def test_deregister_costs_no_question_where_it_costs_nothing(
    boruta: Boruta, served: Served
) -> None:
    boruta("worker", "deregister", "far-c", "lab-b")
    assert [worker.uuid for worker in served.workers()] == [uuid_of(1)]


def test_set_changes_what_is_named_and_keeps_the_rest(boruta: Boruta, served: Served) -> None:
    boruta("worker", "set", "lab-a", "--label", "rack=2", "-l", "camera=yes", "--notes", "one\ntwo")
    boruta("worker", "set", "lab-a", "--unlabel", "camera", "--photo", "https://wiki.example/a.jpg")
    shown = json.loads(boruta("worker", "show", "lab-a", "-o", "json").out)
    assert shown["Labels"] == {"rack": "2"}
    assert (shown["Notes"], shown["Photo"]) == ("one\ntwo", "https://wiki.example/a.jpg")
    told = boruta("worker", "show", "lab-a").out
    assert "one / two" in told
    assert "rack=2" in boruta("workers").out


def test_set_says_what_it_takes(boruta: Boruta) -> None:
    assert "say what: --label" in boruta("worker", "set", "lab-a", status=2).err
    words = boruta("worker", "set", "lab-a", "-l", "a=1", "--unlabel", "a", status=2).err
    assert "a is both set and taken away" in words
    assert "is no label; write NAME=VALUE" in boruta("worker", "set", "x", "-l", "a", status=2).err


def test_set_asks_before_requests_lose_their_last_board(boruta: Boruta, served: Served) -> None:
    boruta("worker", "set", "lab-a", "-l", "rack=1")
    for _ in range(2):
        boruta("new", "-c", "rack=1", "--after", "1d")
    words = boruta("worker", "set", "lab-a", "-l", "rack=2", "--yes").err
    assert "2 waiting requests can be served by lab-a only" in words
