"""What a failover would lose is told exactly where one is meant, and commits wait for nobody."""

import pytest

from boruta_farm.store.durability import Durability

EMPTY = "synchronous_standby_names is empty"


@pytest.mark.parametrize(
    ("commit", "awaited", "standbys", "hosts", "told"),
    [
        ("on", "", 0, 1, None),
        ("local", "", 0, 1, None),
        ("on", "other", 1, 1, None),
        ("remote_apply", "other", 0, 2, None),
        ("on", "", 1, 1, EMPTY),
        ("on", "", 1, 2, EMPTY),
        ("on", "", 0, 2, "no standby follows"),
        ("local", "other", 1, 2, "synchronous_commit is local"),
    ],
)
def test_what_may_be_lost(
    commit: str, awaited: str, standbys: int, hosts: int, told: str | None
) -> None:
    words = Durability(commit=commit, awaited=awaited, standbys=standbys, hosts=hosts).at_risk()
    assert (words is None) if told is None else (told in (words or ""))
    assert words is None or "would be lost in a failover; set " in words
