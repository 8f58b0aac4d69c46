import threading
from collections.abc import Iterator

import pytest

from boruta_farm.model.caller import LOCAL_ADMIN
from tests.cli.stage import Boruta
from tests.client.serving import ANN, Served, serve, uuid_of


def grouped(served: Served, number: int, name: str, *groups: str) -> None:
    """Register a board in groups."""
    uuid = served.board(number, name)
    served.do(served.contracts.workers.set_groups(LOCAL_ADMIN, uuid, groups))


@pytest.fixture
def old() -> Iterator[Served]:
    """Return the server that is moved away from, with three boards."""
    with serve() as running:
        for number, groups in ((1, ("ci", "arm")), (2, ()), (3, ("ci",))):
            grouped(running, number, f"old-{number}", *groups)
        yield running


@pytest.fixture(autouse=True)
def boards(served: Served) -> None:
    """Register two of them here."""
    served.board(1, "lab-a")
    grouped(served, 2, "lab-b", "hil")


def groups(served: Served) -> list[tuple[str, ...]]:
    return [worker.groups for worker in served.workers()]


def test_groups_are_carried_over_and_what_is_missing_is_named(
    boruta: Boruta, served: Served, old: Served
) -> None:
    outcome = boruta("worker", "import", "--from", f"{old.address}/", status=1)
    assert groups(served) == [("arm", "ci"), ()]
    assert outcome.err.splitlines() == [
        "boruta: lab-a: groups none -> arm ci",
        "boruta: lab-b: groups hil -> none",
        f"boruta: {uuid_of(3)}: is not registered here yet",
        "boruta: 3 workers there; 2 here changed",
    ]
    again = boruta("worker", "import", "--from", old.address, status=1)
    assert again.err.splitlines()[-1] == "boruta: 3 workers there; 0 here changed"
    assert old.count("POST", "workers/list") == len(old.heard) == 2


def test_a_dry_run_changes_nothing(boruta: Boruta, served: Served, old: Served) -> None:
    before = groups(served)
    outcome = boruta("worker", "import", "--from", old.address, "--dry-run", status=1)
    assert "2 here would be changed" in outcome.err
    assert groups(served) == before


def test_boards_that_register_later_are_waited_for(
    boruta: Boruta, served: Served, old: Served
) -> None:
    def register_later() -> None:
        served.wait_for(lambda ear: bool(ear.streams))
        served.board(3, "lab-c")

    registering = threading.Thread(target=register_later)
    registering.start()
    outcome = boruta("worker", "import", "--from", old.address, "--wait", "1m")
    registering.join()
    assert "waiting for 1 worker to register" in outcome.err
    assert groups(served)[2] == ("ci",)


def test_waiting_ends(boruta: Boruta, served: Served, old: Served) -> None:
    outcome = boruta("worker", "import", "--from", old.address, "--wait", "0.1s", status=1)
    assert "is not registered here yet" in outcome.err


def test_what_a_change_costs_is_asked(boruta: Boruta, served: Served, old: Served) -> None:
    served.file(1, 2, owner=ANN)
    outcome = boruta("worker", "import", "--from", old.address, stdin="n\nn\n", status=1)
    assert "2 waiting requests can be served by lab-a only" in outcome.err
    assert groups(served)[0] == ()
    boruta("worker", "import", "--from", old.address, "--yes", status=1)
    assert groups(served)[0] == ("arm", "ci")


def test_a_server_that_is_none_is_told(boruta: Boruta) -> None:
    words = boruta("worker", "import", "--from", "old:8487", status=1).err
    assert "--from: 'old:8487' is no address; did you mean" in words
