"""Lists filtered by selectors say the same on both databases."""

import pytest

from boruta_farm.store.filtering import request_values, worker_values


def test_a_request_shows_its_columns_beside_what_it_asks_for() -> None:
    row = (7, 4, "ann", "WAITING", '{"board":"rpi4","owner":"lab"}', "ram >= 2", "uuid-1")
    assert request_values(row) == {
        "id": "7",
        "priority": "4",
        "owner": "lab",
        "state": "WAITING",
        "board": "rpi4",
        "selector": "ram >= 2",
        "worker": "uuid-1",
    }
    assert request_values((7, 4, "ann", "DONE", None, None, None)) == {
        "id": "7",
        "priority": "4",
        "owner": "ann",
        "state": "DONE",
    }


@pytest.mark.parametrize(("groups", "shown"), [("[]", None), ('["ci","lab"]', "ci,lab")])
def test_a_worker_shows_its_columns_beside_its_capabilities(groups: str, shown: str | None) -> None:
    row = ("uuid-1", "board-1", "IDLE", groups, '{"ram":"4","name":"mine"}', "agent")
    values = dict(worker_values(row))
    assert values.pop("groups", None) == shown
    assert values == {"name": "mine", "state": "IDLE", "fence": "agent", "ram": "4"}
