"""What was used is kept across processes, in files of the user's alone."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boruta_farm.mcp.budget import Budget, BudgetError, CountedAct, Spent
from boruta_farm.mcp.ledger import AgentLedger, state_folder
from boruta_farm.model.errors import ConfigError

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
BUDGET = Budget(flashes=10)


def ledger(folder: Path) -> AgentLedger:
    made = AgentLedger(folder / "farm")
    made.prepare()
    return made


def test_what_is_written_is_read_by_the_next(tmp_path: Path) -> None:
    def change(spent: Spent) -> Spent:
        booked = spent.booked(BUDGET, 3, timedelta(minutes=5), NOW)
        return booked.done(BUDGET, CountedAct.FLASH, NOW)

    written = ledger(tmp_path).change(change, NOW)
    assert ledger(tmp_path).change(lambda spent: spent, NOW) == written.since(NOW)
    for path in (tmp_path / "farm").iterdir():
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_no_two_spend_the_same(tmp_path: Path) -> None:
    def spend(_: int) -> bool:
        try:
            ledger(tmp_path).change(lambda spent: spent.done(BUDGET, CountedAct.FLASH, NOW), NOW)
        except BudgetError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(spend, range(30))) == 10


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"bookings": 1, "acts": {}}', "{"])
def test_a_damaged_file_is_no_fresh_budget(tmp_path: Path, content: str) -> None:
    made = ledger(tmp_path)
    (tmp_path / "farm" / "spent.json").write_text(content)
    with pytest.raises(ConfigError, match="is damaged; remove it"):
        made.change(lambda spent: spent, NOW)


def test_acts_are_lines(tmp_path: Path) -> None:
    made = ledger(tmp_path)
    made.note({"act": "run", "given": "one\ntwo"})
    made.note({"act": "flash"})
    lines = (tmp_path / "farm" / "acts.jsonl").read_text().splitlines()
    assert [json.loads(line)["act"] for line in lines] == ["run", "flash"]


def test_where_it_lies(tmp_path: Path) -> None:
    one = state_folder("http://a", {"XDG_STATE_HOME": str(tmp_path)})
    assert one.parent == tmp_path / "boruta" / "mcp"
    assert one != state_folder("http://b", {"XDG_STATE_HOME": str(tmp_path)})
    assert state_folder("http://a", {"HOME": "/h"}).is_relative_to("/h/.local/state")
