"""A board that its server cannot reach ends the job by itself, and is lent again when proved."""

from pathlib import Path

import pytest

from tests.e2e.stage import in_own_network, needs_ssh

pytestmark = [needs_ssh, pytest.mark.prove]


async def test_the_user_is_off_a_cut_off_board_on_time(tmp_path: Path) -> None:
    text = await in_own_network("tests.e2e.partition", tmp_path)
    assert "off the board" in text
    assert "after the partition: FAILED PREPARE IDLE" in text
    assert "lent again: hello again" in text


async def test_a_shell_whose_network_is_lost_is_opened_again(tmp_path: Path) -> None:
    text = await in_own_network("tests.e2e.lost_network", tmp_path)
    assert "told " in text
    assert "meanwhile: IN PROGRESS" in text
    assert "status: 7" in text
    assert "at the end: DONE" in text
