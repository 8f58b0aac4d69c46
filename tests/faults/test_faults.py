"""A short form of each way to break a farm; ``./run faults`` is the long one."""

from pathlib import Path

import pytest

from tests.e2e.stage import in_own_network, needs_ssh
from tests.store.postgres_server import NoServerError, programs

pytestmark = [needs_ssh, pytest.mark.prove]


@pytest.fixture(autouse=True)
def _needs_postgres() -> None:
    try:
        programs()
    except NoServerError as reason:
        pytest.skip(str(reason))


async def test_no_board_is_lent_twice_while_links_are_cut(tmp_path: Path) -> None:
    text = await in_own_network("tests.faults.partitions", tmp_path, "--rounds", "2")
    assert "held through 2 rounds" in text


async def test_nothing_is_lost_and_no_board_lent_twice_while_parts_crash(tmp_path: Path) -> None:
    text = await in_own_network("tests.faults.crashes", tmp_path, "--rounds", "3")
    assert "held through 3 rounds" in text
