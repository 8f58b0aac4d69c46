import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import WorkerState
from tests.cli.stage import Boruta, sent
from tests.client.serving import PUBLIC_KEY, Served


def board(served: Served) -> None:
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})


def idle_soon(served: Served) -> None:
    """Have a board that nobody is lent yet."""
    served.board(1, "lab-rpi4", state=WorkerState.MAINTENANCE)


def test_new_prints_the_id_alone_and_a_hint_beside(boruta: Boruta) -> None:
    outcome = boruta("new", "-c", "board=rpi4")
    assert outcome.out == "1\n"
    assert outcome.err == "waiting: no registered board has board=rpi4; connect: boruta ssh 1\n"


def test_new_prints_what_the_server_answered_to_the_filing(boruta: Boruta, served: Served) -> None:
    boruta("new", "-c", "board=rpi4")
    assert not [call for call in served.heard if "explain" in call.path]


def test_new_says_what_the_filing_s_answer_explains_and_joins_it_with_nothing(
    boruta: Boruta, served: Served
) -> None:
    """The request was granted, or is over, by the time of the answer."""
    standing = {"Subject": "request", "State": "IN PROGRESS", "Request": 1, "Worker": "lab-rpi4"}
    started = {"ID": 1, "State": "IN PROGRESS", "Cause": "none", "Standing": standing}
    over = started | {"State": "DONE", "Standing": standing | {"State": "DONE"}}
    served.answers["reqs"] = [
        (201, {"ReqID": 1, "Explanation": started}),
        (201, {"ReqID": 1, "Explanation": over}),
        (201, {"ReqID": 1}),
    ]
    assert boruta("new").err == "request 1: it has lab-rpi4; connect: boruta ssh 1\n"
    assert boruta("new").err == "request 1: it is DONE\n"
    # The original's server tells no more.
    assert boruta("new").err == "request 1 is filed; connect: boruta ssh 1\n"
    assert [call.path for call in served.heard] == ["reqs/"] * 3


def test_nothing_that_a_server_says_steers_the_terminal(boruta: Boruta, served: Served) -> None:
    evil = "\x1b]0;x\x07\u202e\r\n\x9b"
    told = {"ID": 1, "State": "WAITING", "Cause": "a newer one", "Text": evil}
    served.answers["reqs"] = [
        (201, {"ReqID": 1, "Explanation": told}),
        (400, {"message": evil, "Code": evil}),
    ]
    assert boruta("new").err == "waiting: ?]0;x?????; connect: boruta ssh 1\n"
    assert boruta("new", status=1).err == "boruta: ?]0;x?????\n"


def test_who_waits_is_refused_what_no_board_could_serve_unless_he_queues(
    boruta: Boruta, served: Served
) -> None:
    board(served)
    boruta("new", "--wait", "1m")
    assert sent(served)["Strict"] is True
    boruta("close", "1")
    served.board(2, "lab-rpi3")
    boruta("new", "--wait", "1m", "--queue")
    boruta("new")
    strict = [body.get("Strict") for body in served.bodies("reqs/")]
    assert strict == [True, None, None]


def test_what_strict_refuses_is_not_to_be_queued(boruta: Boruta, served: Served) -> None:
    board(served)
    told = boruta("new", "--strict", "-c", "board=vax", status=1).err
    assert "to wait for such a board all the same: leave --strict out" in told
    assert "--queue" not in told
    assert "leave one of both out" in boruta("new", "--strict", "--queue", status=2).err
    assert served.requests() == {}


def test_what_no_board_could_serve_is_told_with_what_was_meant(
    boruta: Boruta, served: Served
) -> None:
    text = "no registered board has board=rpi44; for board, did you mean rpi4? nothing was filed"
    body = {"message": f"invalid request: {text}", "Code": "unmet-demand"}
    served.answers["reqs"] = [(400, body)]
    told = boruta("new", "-c", "board=rpi44", "--wait", "1m", status=1).err
    assert told.startswith(f"boruta: {text}; to wait for such a board all the same: --queue")


def test_new_with_everything(boruta: Boruta, served: Served, tmp_path: Path) -> None:
    (tmp_path / "id.pub").write_text(f"{PUBLIC_KEY}\n")
    times = ["--after", "2027-01-01T12:00", "--deadline", "2027-01-02T12:00Z"]
    rest = ["-p", "3", "--keep-alive", "2m", "--key", str(tmp_path / "id.pub")]
    boruta("new", "-c", "a=1", "-c", "b=x=y", *times, *rest, "--idempotency-key", "once")
    boruta("new", "-c", "a=1", "-c", "b=x=y", *times, *rest, "--idempotency-key", "once")
    assert len(served.requests()) == 1
    assert sent(served) == {
        "Priority": 3,
        "Caps": {"a": "1", "b": "x=y"},
        "SSHKey": PUBLIC_KEY,
        "KeepAlive": 120,
        "ValidAfter": "2027-01-01T12:00:00Z",
        "Deadline": "2027-01-02T12:00:00Z",
    }


def test_new_as_json_and_as_id(boruta: Boruta) -> None:
    record = json.loads(boruta("new", "-o", "json").out)
    assert (record["ID"], record["State"]) == (1, "WAITING")
    assert boruta("new", "-o", "ids").out == "2\n"


def test_new_that_waits(boruta: Boruta, served: Served) -> None:
    idle_soon(served)
    outcome = boruta("new", "--wait", "0.1s", status=1)
    assert outcome.out == "1\n"
    assert outcome.err.splitlines()[-2:] == [
        "boruta: request 1 is closed: it neither waits nor holds a board",
        "boruta: request 1 had no board within the time to wait",
    ]
    assert served.request(1).state is RequestState.CANCELLED


def test_new_that_waited_in_vain_tells_that_in_every_form(boruta: Boruta, served: Served) -> None:
    idle_soon(served)
    assert boruta("new", "--wait", "0.1s", "-o", "ids", status=1).out == "1\n"
    for request_id, form in enumerate(("json", "jsonl"), start=2):
        outcome = boruta("new", "--wait", "0.1s", "-o", form, status=1)
        record = json.loads(outcome.out)
        assert (record["ID"], record["State"]) == (request_id, "CANCELLED")
        assert f"request {request_id} is closed" in outcome.err


def test_acquire_that_waited_in_vain_says_that_the_request_stays(
    boruta: Boruta, served: Served
) -> None:
    boruta("new")
    outcome = boruta("acquire", "1", "--wait", "0.1s", status=1)
    assert "it stays in the queue; to cancel it: boruta close 1" in outcome.err
    assert served.request(1).state is RequestState.WAITING


def test_new_that_waits_and_gets_it(boruta: Boruta, served: Served) -> None:
    board(served)
    outcome = boruta("new", "--wait", "10s")
    assert outcome.out == "1\n"
    assert "it has lab-rpi4 until" in outcome.err


def test_mistakes_in_options(boruta: Boruta) -> None:
    assert "'rpi4' is no capability" in boruta("new", "-c", "rpi4", status=2).err
    words = boruta("new", "-c", "a=1", "-c", "a=2", status=2).err
    assert "a cannot be both '1' and '2'" in words
    assert "is no time" in boruta("new", "--deadline", "soon", status=2).err
    assert "is no duration" in boruta("new", "--keep-alive", "120", status=2).err
    assert "--priority" in boruta("new", "-p", "17", status=2).err
    assert "cannot be read" in boruta("new", "--key", "/nowhere.pub", status=1).err


def test_update(boruta: Boruta, served: Served) -> None:
    boruta("new")
    assert boruta("update", "1", "--priority", "2").out == ""
    assert served.request(1).priority == 2
    boruta("update", "1", "-c", "board=x", "-s", "")
    assert served.heard[-1].json == {"Caps": {"board": "x"}, "Selector": ""}
    assert "say what to change" in boruta("update", "1", status=2).err
    assert (
        boruta("update", "9", "-p", "2", status=1).err
        == "boruta: request 9: Request not found; see: boruta ls --all\n"
    )


def test_release_is_close(boruta: Boruta, served: Served) -> None:
    boruta("new")
    boruta("release", "1")
    assert served.request(1).state is RequestState.CANCELLED


def test_close_goes_on_after_a_failure(boruta: Boruta, served: Served) -> None:
    boruta("new")
    boruta("new")
    outcome = boruta("close", "1", "9", "2", status=1)
    missing = "boruta: request 9: Request not found; see: boruta ls --all"
    assert outcome.err == f"request 1 is closed\n{missing}\nrequest 2 is closed\n"
    assert outcome.out == ""
    assert set(served.requests().values()) == {RequestState.CANCELLED}
    words = boruta("close", "1", status=1).err
    told = "it is CANCELLED since .*: closed; nothing is left to close or change\n"
    assert re.fullmatch(f"boruta: request 1: {told}", words)
    # The original's server tells no more.
    answer = {"message": "invalid request: action cannot be executed in current state"}
    served.answers["close"] = [(400, answer)]
    words = boruta("close", "1", status=1).err
    assert words == "boruta: request 1: action cannot be executed in current state\n"


def test_prolong(boruta: Boruta, served: Served) -> None:
    board(served)
    boruta("new")
    assert re.fullmatch(r"until .+, in (1h|59m)\S*\n", boruta("prolong", "1").out)
    boruta("new")
    assert "request 2: it is still WAITING" in boruta("prolong", "2", status=1).err


@pytest.mark.usefixtures("utc")
def test_prolong_by_so_much_or_until_a_moment(boruta: Boruta, served: Served) -> None:
    board(served)
    boruta("new", "--for", "2h30")
    served.settle()
    assert sent(served)["Length"] == 9000
    assert "Length         2h30m" in boruta("show", "1").out

    def asked(*more: str) -> object:
        """Return the body of a prolonging."""
        boruta("prolong", "1", *more)
        return served.bodies("reqs/1/prolong")[-1]

    # What lies beyond the farm's limit is only looked at on its way there.
    served.answers["prolong"] = [None, (200, {}), (200, {})]
    assert asked("+30m") == {"Length": 1800}
    assert asked("--until", "2030-01-31T18:00") == {"Until": "2030-01-31T18:00:00Z"}
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert asked("--until", "tomorrow", "9:00") == {"Until": f"{tomorrow}T09:00:00Z"}
    early = boruta("prolong", "1", "--until", "1m").out
    assert early.endswith("as before: a job is never shortened\n")
    two_words = boruta("prolong", "1", "--until", "tomorrow", "25:00", status=2).err
    assert "'tomorrow 25:00'" in two_words


def test_update_names_a_length_and_takes_it_away(boruta: Boruta, served: Served) -> None:
    boruta("new")
    boruta("update", "1", "--for", "90m")
    assert '"Length": 5400.0' in boruta("show", "1", "-o", "json").out
    boruta("update", "1", "--for", "0")
    assert served.heard[-1].json == {"Length": 0}


def test_where_a_request_comes_from_is_told(
    boruta: Boruta, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ("--context", "pipeline=nightly #17", "--context", "commit=0123456789abcdef")
    assert "FROM" not in boruta("ls").out
    boruta("new", *context)
    monkeypatch.setenv("BORUTA_PIPELINE", "of the environment")
    boruta("new")
    for verb in (("ls",), ("ls", "--columns", "id,from")):
        out = boruta(*verb).out
        assert "nightly #17 (0123456789)" in out
        assert "of the environment" in out
    shown = boruta("show", "1").out
    assert re.search(r"^From pipeline +nightly #17$", shown, re.MULTILINE)
    record = json.loads(boruta("show", "1", "-o", "json").out)
    assert record["Context"] == {"pipeline": "nightly #17", "commit": "0123456789abcdef"}
    assert (
        "is longer than 64 characters for its name"
        in boruta(*("new", "--context", f"{'n' * 65}=x"), status=1).err
    )
    many = [word for number in range(17) for word in ("--context", f"n{number}=x")]
    assert "17 entries of Context exceed the limit of 16" in boruta("new", *many, status=1).err
