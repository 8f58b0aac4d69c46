"""Each target's examples are taken, and mutations of them break no promise."""

from dataclasses import replace

import pytest

from tests.fuzz.mutating import mutations
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import BrokenPromiseError, Target

MUTATIONS = 1500
SEED = 7


@pytest.mark.parametrize("name", TARGETS)
def test_examples_are_taken_and_odd_ones_break_nothing(name: str) -> None:
    target = TARGETS[name]
    assert [data for data in target.examples if not target.look(data)] == []
    for data in target.odd:
        target.look(data)


@pytest.mark.prove
@pytest.mark.parametrize("name", TARGETS)
def test_mutations_break_no_promise(name: str) -> None:
    look_at_mutations(TARGETS[name])


def look_at_mutations(target: Target) -> None:
    """Look at mutations; what is raised tells the bytes."""
    for data in mutations((*target.examples, *target.odd), SEED, MUTATIONS):
        try:
            target.look(data)
        except Exception as error:
            error.add_note(f"{target.name}: {data!r}")
            raise


def test_a_reader_that_breaks_its_promise_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.texts.duration", lambda span: "1s")
    with pytest.raises(BrokenPromiseError, match="reads as 0:00:01") as caught:
        look_at_mutations(TARGETS["duration"])
    assert caught.value.__notes__[0].startswith("duration: b'")


def test_a_reader_that_raises_what_nobody_foresaw_is_found_out() -> None:
    def brittle(data: bytes) -> bool:
        return bool(data.decode())

    with pytest.raises(UnicodeDecodeError):
        look_at_mutations(replace(TARGETS["selector"], look=brittle))
