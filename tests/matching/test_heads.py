"""The lowest head is found, however fronts rise and fall."""

from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.matching.heads import Front, Heads

STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 40), st.booleans()), max_size=60)


def front_of(name: str, *keys: int) -> Front[int, str]:
    """Return a front with these keys."""
    front: Front[int, str] = Front(name)
    for key in keys:
        front.add(key)
    return front


@given(STEPS)
def test_first_is_the_lowest_of_all_heads(steps: list[tuple[int, int, bool]]) -> None:
    fronts = [front_of(str(n)) for n in range(5)]
    heads: Heads[int, str] = Heads()
    for front in fronts:
        front.greet(heads)
    for number, slot, ask in steps:
        front, key = fronts[number], slot * 5 + number
        if key in front:
            front.remove(key)
        else:
            front.add(key)
            if front.head == key:
                front.announce([heads])
        if ask:
            lowest = min((f.head, f.owner) for f in [*fronts, front_of("", 999)] if f)
            assert (heads.first() or "") == lowest[1]


def test_in_order_yields_each_once_and_leaves_the_heads_complete() -> None:
    fronts = [front_of("b", 2), front_of("a", 1), front_of("c", 3), front_of("-")]
    heads: Heads[int, str] = Heads()
    for front in fronts:
        front.greet(heads)
        front.announce([heads])
    assert list(heads.in_order()) == ["a", "b", "c"]
    stopped = heads.in_order()
    assert next(stopped) == "a"
    stopped.close()
    assert list(heads.in_order()) == ["a", "b", "c"]


def test_a_front_has_one_bound_however_often_its_head_falls() -> None:
    heads: Heads[int, str] = Heads()
    for front in (front_of("first", 0), other := front_of("other")):
        front.greet(heads)
        front.announce([heads])
    for key in range(1000, 1, -1):
        other.add(key)
        other.announce([heads])
    assert len(heads._bounds) == len(heads._fronts) == 2


def test_a_front_that_is_gone_is_not_found() -> None:
    heads: Heads[int, str] = Heads()
    front = front_of("gone", 5)
    front.greet(heads)
    front.announce([heads])
    front.dismiss(heads)
    assert heads.first() is None
