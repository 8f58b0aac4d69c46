"""Tokens lead to their workers."""

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.matching.market import Market
from tests.matching.naive import make_worker

CAPS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"))


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | CAPS), max_size=20))
def test_every_token_leads_to_exactly_its_workers(
    steps: list[tuple[int, dict[str, str] | None]],
) -> None:
    market = Market()
    known: dict[str, dict[str, str]] = {}
    for number, caps in steps:
        uuid = str(number)
        if caps is None:
            market.remove_worker(uuid)
            known.pop(uuid, None)
        else:
            market.put_worker(make_worker(uuid, caps))
            known[uuid] = caps
    for token in (("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")):
        expected = {uuid for uuid, caps in known.items() if caps.get(token[0]) == token[1]}
        assert {candidate.uuid for candidate in market.parting.bearers.of(token)} == expected
        assert (token in market.parting.bearers) == bool(expected)
    for number in range(4):
        assert (("UUID", str(number)) in market.parting.bearers) == (str(number) in known)


def test_a_group_named_twice_is_one_group() -> None:
    market = Market()
    market.put_worker(make_worker("1", groups=("lab", "lab")))
    market.remove_worker("1")
    assert ("lab",) not in market.parting.bearers
