"""Ends that could not be stored are kept over a crash; none that is damaged is believed."""

from pathlib import Path

import pytest

from boruta_farm.model.request import OwedEnd, RequestState
from boruta_farm.store.owed import SLOT, SLOTS, OwedFile


def end(number: int, reason: str = "closed") -> OwedEnd:
    return OwedEnd(
        worker=f"worker-{number}",
        epoch=number,
        request_id=number,
        state=RequestState.DONE,
        reason=reason,
    )


def reopened(path: Path) -> set[OwedEnd]:
    kept = OwedFile(path)
    found = kept.open()
    kept.close()
    return set(found)


def test_what_is_entered_is_there_at_the_next_start_until_it_is_struck(tmp_path: Path) -> None:
    path = tmp_path / "owed"
    first = OwedFile(path)
    assert first.open() == ()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == SLOT * SLOTS
    for number in (1, 2, 3):
        first.enter(end(number))
        first.enter(end(number))  # A second try keeps no second one.
    first.strike("worker-2", 2)
    first.strike("worker-9", 9)
    assert reopened(path) == {end(1), end(3)}, "also without having been closed"
    second = OwedFile(path)
    second.open()
    second.strike("worker-1", 1)
    second.enter(end(4))
    assert reopened(path) == {end(3), end(4)}
    assert path.stat().st_size == SLOT * SLOTS


def test_damage_costs_what_is_damaged_alone(tmp_path: Path) -> None:
    path = tmp_path / "owed"
    kept = OwedFile(path)
    kept.open()
    kept.enter(end(1))
    kept.enter(end(2))
    kept.close()
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(content)
    assert reopened(path) == {end(2)}
    path.write_bytes(content[: SLOT + 30])
    assert reopened(path) == set()


def test_what_finds_no_room_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = OwedFile(tmp_path / "owed")
    kept.open()
    for number in range(SLOTS):
        kept.enter(end(number, "long " * 200))
    assert not caplog.records
    kept.enter(end(SLOTS))
    assert "in memory alone" in caplog.text
    assert len(reopened(tmp_path / "owed")) == SLOTS


def test_a_place_that_cannot_be_used_is_told_and_harmless(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other"
    other.write_text("somebody's")
    (tmp_path / "owed").symlink_to(other)
    kept = OwedFile(tmp_path / "owed")
    assert kept.open() == ()
    assert "cannot be made" in caplog.text
    kept.enter(end(1))
    kept.strike("worker-1", 1)
    assert other.read_text() == "somebody's"
