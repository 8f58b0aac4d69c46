"""Planted bugs have their places in the source as it is; `./run sim --planted` finds them."""

import pytest

from tests.sim.planting import Planted, table

BUGS = table()


@pytest.mark.parametrize("planted", BUGS, ids=[planted.name for planted in BUGS])
def test_a_planted_bug_has_a_place_and_somebody_who_finds_it(planted: Planted) -> None:
    compile(planted.source(), planted.file, "exec")
    assert (planted.seed is None) is not (planted.test is None)


def test_there_are_forty_in_all_rooms_that_a_farm_stands_on() -> None:
    assert len(BUGS) >= 40
    rooms = {planted.file.partition("/")[0] for planted in BUGS}
    assert rooms >= {"core", "farm", "store", "boards", "link", "dryad"}
