import json
import threading

import pytest

from tests.cli.stage import Boruta
from tests.client.fakes import FakeFarm, uuid_of
from tests.client.serving import Served


@pytest.fixture(autouse=True)
def boards(served: Served) -> None:
    """Register three boards."""

    def add(farm: FakeFarm) -> None:
        farm.add_worker(1, "lab-a", caps={"board": "rpi4"})
        farm.add_worker(2, "lab-b", state="MAINTENANCE", caps={"board": "rpi4"})
        farm.add_worker(3, "far-c", state="FAILED")

    served.do(add)


def states(served: Served) -> list[str]:
    return [worker["State"] for worker in served.farm.workers.values()]


def test_maintenance_with_reason_and_after_job(boruta: Boruta, served: Served) -> None:
    boruta("worker", "maintenance", "lab-a", "far", "--reason", "new card", "--after-job")
    assert states(served) == ["MAINTENANCE"] * 3
    bodies = [c[3] for c in served.farm.calls if c[1].endswith("/setstate")]
    wanted = {"WorkerState": "MAINTENANCE", "Reason": "new card", "AfterJob": True}
    assert [json.loads(body) for body in bodies] == [wanted, wanted]


def test_idle_means_those_in_maintenance_unless_named(boruta: Boruta, served: Served) -> None:
    boruta("worker", "idle", "--all")
    assert states(served) == ["IDLE", "IDLE", "FAILED"]
    boruta("worker", "idle", "far-c")
    assert states(served) == ["IDLE"] * 3
    assert boruta("worker", "idle", "-c", "board=rpi4").err == "boruta: nothing to do\n"


def test_what_was_to_come_after_a_job_is_taken_back(boruta: Boruta, served: Served) -> None:
    served.farm.workers[uuid_of(1)] |= {"State": "RUNNING", "AfterJob": True}
    boruta("worker", "idle", "--all")
    assert states(served) == ["IDLE", "IDLE", "FAILED"]


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
    served.farm.refusals["setstate"] = [(400, words | {"Code": "invalid-transition"})]
    outcome = boruta("worker", "idle", "lab-b", "far-c", status=1)
    assert outcome.err == "boruta: lab-b: Invalid state transition was requested\n"
    assert states(served) == ["IDLE", "MAINTENANCE", "IDLE"]


def test_waiting_until_they_are_there(boruta: Boruta, served: Served) -> None:
    """The fake is there at once; a board that fails meanwhile never will be."""
    assert boruta("worker", "idle", "lab-b", "--wait").err == ""
    served.farm.slow = True
    finished = threading.Thread(target=_arrive_later, args=(served,))
    finished.start()
    outcome = boruta("worker", "maintenance", "lab-a", "lab-b", "--wait", status=1)
    finished.join()
    assert outcome.err == "boruta: lab-b: power cut\n"


def _arrive_later(served: Served) -> None:
    served.wait_for(lambda farm: bool(farm.streams) and farm.called("POST", "workers/list") > 2)
    served.do(lambda farm: farm.set_worker(uuid_of(1), "MAINTENANCE"))
    served.farm.workers[uuid_of(2)]["Reason"] = "power cut"
    served.do(lambda farm: farm.set_worker(uuid_of(2), "FAILED"))


def test_groups(boruta: Boruta, served: Served) -> None:
    boruta("worker", "groups", "lab-a", "-g", "ci", "-g", "arm")
    assert served.farm.workers[uuid_of(1)]["Groups"] == ["arm", "ci"]
    boruta("worker", "groups", "lab-a", "--none")
    assert served.farm.workers[uuid_of(1)]["Groups"] is None
    for arguments in ([], ["-g", "ci", "--none"]):
        words = boruta("worker", "groups", "lab-a", *arguments, status=2).err
        assert "say the groups with --group, or --none" in words


def test_what_orphans_requests_is_asked_first(boruta: Boruta, served: Served) -> None:
    served.farm.orphans = 3
    outcome = boruta("worker", "deregister", "far-c", stdin="n\n", status=1)
    assert "3 waiting requests can be served by far-c only. Shall it be removed" in outcome.err
    assert outcome.err.endswith("boruta: far-c: left as it is\n")
    assert len(served.farm.workers) == 3
    boruta("worker", "deregister", "far-c", stdin="y\n")
    assert len(served.farm.workers) == 2
    words = boruta("worker", "groups", "lab-b", "-g", "ci", "--yes").err
    assert words == "boruta: 3 waiting requests can be served by lab-b only\n"
    assert served.farm.workers[uuid_of(2)]["Groups"] == ["ci"]


def test_nobody_there_to_answer_is_no_yes(boruta: Boruta, served: Served) -> None:
    served.farm.orphans = 1
    boruta("worker", "deregister", "far-c", stdin="", status=1)
    assert len(served.farm.workers) == 3


def test_deregister_costs_no_question_where_it_costs_nothing(
    boruta: Boruta, served: Served
) -> None:
    boruta("worker", "deregister", "far-c", "lab-b")
    assert list(served.farm.workers) == [uuid_of(1)]


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
    served.farm.orphans = 2
    words = boruta("worker", "set", "lab-a", "-l", "a=1", "--yes").err
    assert "2 waiting requests can be served by lab-a only" in words
