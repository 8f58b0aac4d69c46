import errno
import json
import os
from pathlib import Path

import httpx
import pytest

from boruta_farm.model.errors import ProtocolError
from tests.cli.stage import Boruta
from tests.client.serving import FIRST_KEY, FIRST_PORT, HOST_KEY, Served, uuid_of


@pytest.fixture(autouse=True)
def two(boruta: Boruta, served: Served) -> None:
    """File two requests, of which the first runs."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    boruta("new", "-c", "board=rpi4")
    boruta("new", "-c", "board=rpi4", "-p", "3")


def test_ls_shows_what_is_unfinished(boruta: Boruta) -> None:
    lines = boruta("ls").lines
    assert lines[0].split() == ["ID", "STATE", "PRI", "OWNER", "WANTS", "WORKER", "UNTIL", "REASON"]
    assert lines[1].startswith("1   IN PROGRESS  8           board=rpi4  lab-rpi4  ")
    waiting = lines[2].split()
    assert waiting == ["2", "WAITING", "3", "board=rpi4"], "its deadline is a month away"
    boruta("close", "2")
    assert len(boruta("ls").lines) == 2
    assert boruta("ls", "--all").lines[2].endswith("closed")
    assert boruta("ls", "--state", "cancelled", "-o", "ids").out == "2\n"


def test_a_board_wanted_by_its_uuid_is_shown_by_its_name(boruta: Boruta) -> None:
    boruta("new", "-c", f"UUID={uuid_of(1)}", "-c", "board=rpi4")
    boruta("new", "-c", f"UUID={uuid_of(9)}")
    assert boruta("ls", "--columns", "wants").lines[-2:] == [
        "name=lab-rpi4 board=rpi4",
        f"UUID={uuid_of(9)}",
    ]
    assert "Wants       name=lab-rpi4 board=rpi4" in boruta("show", "3").lines
    explained = boruta("explain", "3").out
    assert uuid_of(1) not in explained


def test_ls_tells_what_is_chosen(boruta: Boruta) -> None:
    assert boruta("ls", "--columns", "pri,ID").lines == ["PRI  ID", "8    1", "3    2"]
    words = boruta("ls", "--columns", "id,colour", status=2).err
    assert "there is no column 'colour'; choose from id, state," in words


def test_ls_for_scripts(boruta: Boruta) -> None:
    assert boruta("ls", "-o", "ids").out == "1\n2\n"
    assert boruta("-o", "ids", "ls").out == "1\n2\n"
    records = json.loads(boruta("ls", "-o", "json").out)
    assert [record["ID"] for record in records] == [1, 2]
    assert records[0]["Job"]["WorkerUUID"] == uuid_of(1)
    lines = boruta("ls", "-o", "jsonl").lines
    assert [json.loads(line)["State"] for line in lines] == ["IN PROGRESS", "WAITING"]


def test_ls_sorts_and_limits(boruta: Boruta, served: Served) -> None:
    boruta("ls", "--sort=-Priority", "--limit", "1")
    bodies = served.bodies("reqs/list")
    assert bodies[-1]["Sorter"] == {"Item": "Priority", "Order": "descending"}
    assert bodies[-1]["Paginator"]["Limit"] == 1
    assert "choose id, priority, deadline" in boruta("ls", "--sort", "caps", status=2).err


def test_json_is_that_of_the_api(boruta: Boruta, served: Served) -> None:
    shown = json.loads(boruta("show", "1", "-o", "json").out)
    told = httpx.get(f"{served.address}/api/v1/reqs/1").json()
    assert shown == told
    assert (shown["ID"], shown["State"]) == (1, "IN PROGRESS")


def test_show_explains(boruta: Boruta) -> None:
    out = boruta("show", "2").out
    assert "Why         position 1" in out
    record = json.loads(boruta("show", "2", "-o", "json").out)
    assert record["Explanation"]["Position"] == 1
    running = boruta("show", "1").out
    assert "Worker         lab-rpi4" in running
    assert "Why" not in running


def test_an_original_server_can_show_and_wait_but_not_explain(
    boruta: Boruta, served: Served
) -> None:
    for route in ("explain", "events"):
        words = {"message": f"/api/v1/{route} not found"}
        served.answers[route] = [(404, words)] * 9
    assert "State       WAITING" in boruta("show", "2").out
    assert "of the original Boruta, which cannot do this" in boruta("explain", "2", status=1).err
    served.board(2, "lab-rpi3", caps={"board": "rpi3"})
    assert boruta("new", "-c", "board=rpi3", "--wait", "1m").out == "3\n"


def test_show_of_nothing(boruta: Boruta) -> None:
    missing = boruta("show", "9", status=1).err
    assert missing == "boruta: request 9: Request not found; see: boruta ls --all\n"


def test_what_is_no_id(boruta: Boruta) -> None:
    told = boruta("show", "lab-rpi4", status=2).err
    assert "'lab-rpi4' is no request's id; write such as 42 or r42, see: boruta ls" in told
    assert "'-1' is no request's id" in boruta("close", "1", "--", "-1", status=2).err


def test_acquire_hides_the_key_unless_it_is_asked_for(boruta: Boruta) -> None:
    outcome = boruta("acquire", "1")
    assert f"Port      {FIRST_PORT}" in outcome.out
    assert FIRST_KEY not in outcome.out
    assert "use --save FOLDER" in outcome.err
    access = json.loads(boruta("acquire", "1", "-o", "json").out)
    assert access == {
        "Addr": {"IP": "127.0.0.1", "Port": FIRST_PORT, "Zone": ""},
        "Key": FIRST_KEY,
        "Username": "boruta-user",
        "HostKey": HOST_KEY,
    }


def test_acquire_saves(boruta: Boruta, tmp_path: Path) -> None:
    folder = tmp_path / "access"
    out = boruta("acquire", "1", "--save", str(folder)).out
    assert (folder / "key").read_text() == f"{FIRST_KEY}\n"
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert (folder / "known_hosts").read_text() == f"[127.0.0.1]:{FIRST_PORT} {HOST_KEY}\n"
    assert f"""-o 'IdentityFile="{folder}/key"'""" in out
    assert f"By name   ssh -F {folder}/config boruta-1" in out
    config = (folder / "config").read_text()
    assert config.startswith(f"Host boruta-1\n    HostName 127.0.0.1\n    Port {FIRST_PORT}\n")
    assert (folder / "config").stat().st_mode & 0o777 == 0o600
    words = boruta("acquire", "1", "--save", str(folder), status=1).err
    assert "exists already; name a new folder" in words


def no_room(path: Path, text: str) -> Path:
    """Write the first file of a folder, and find no room for the next."""
    if any(path.parent.iterdir()):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    path.write_text(text)
    return path


def unusable(*_: object) -> str:
    raise ProtocolError("the server sent a host key that is none")


@pytest.mark.parametrize(
    ("name", "instead"), [("write_private", no_room), ("known_hosts_line", unusable)]
)
def test_an_access_that_cannot_be_saved_leaves_no_key_behind(
    boruta: Boruta,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    instead: object,
) -> None:
    monkeypatch.setattr(f"boruta_farm.cli.acquire.{name}", instead)
    boruta("acquire", "1", "--save", str(tmp_path / "access"), status=1)
    assert not (tmp_path / "access").exists()


def test_acquire_of_a_waiting_request(boruta: Boruta, served: Served) -> None:
    assert boruta("acquire", "2", status=1).err == (
        "boruta: request 2: it is still WAITING; why: boruta explain 2; "
        "to wait for it: boruta acquire 2 --wait 10m\n"
    )
    assert "had no board within the time" in boruta("acquire", "2", "--wait", "0.1s", status=1).err
    served.board(2, "lab-2", caps={"board": "rpi4"})
    assert "boruta-user" in boruta("acquire", "2", "--wait", "10s").out
