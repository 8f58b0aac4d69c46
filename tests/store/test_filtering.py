"""Lists filtered by selectors say the same on both databases."""

import pytest

from boruta_farm.store.filtering import BriefRequest, BriefWorker


def test_a_request_shows_its_columns_beside_what_it_asks_for() -> None:
    caps = '{"board":"rpi4","owner":"lab"}'
    row = BriefRequest(7, 4, "ann", "WAITING", caps, "ram >= 2", "uuid-1")
    assert row.values() == {
        "id": "7",
        "priority": "4",
        "owner": "lab",
        "state": "WAITING",
        "board": "rpi4",
        "selector": "ram >= 2",
        "worker": "uuid-1",
    }
    assert BriefRequest(7, 4, "ann", "DONE", None, None, None).values() == {
        "id": "7",
        "priority": "4",
        "owner": "ann",
        "state": "DONE",
    }


@pytest.mark.parametrize(("groups", "shown"), [("[]", None), ('["ci","lab"]', "ci,lab")])
def test_a_worker_shows_its_columns_beside_its_capabilities(groups: str, shown: str | None) -> None:
    caps = '{"ram":"4","name":"mine"}'
    row = BriefWorker("uuid-1", "board-1", "IDLE", groups, caps, '{"ram":"2","rack":"b"}', "agent")
    values = dict(row.values())
    assert values.pop("groups", None) == shown
    assert values == {"name": "mine", "state": "IDLE", "fence": "agent", "ram": "4", "rack": "b"}
