"""Places of connections: who gets one, and who goes for it."""

from boruta_farm.gorpc.callers import CallerPlace, Callers, Places


class Yard:
    """Let callers in and note who was cut."""

    def __init__(self, in_total: int, per_source: int) -> None:
        self.callers = Callers(Places(in_total=in_total, per_source=per_source))
        self.cut: list[str] = []

    def enter(self, name: str, host: str | None) -> CallerPlace | None:
        """Let one in."""
        return self.callers.enter(host, lambda: self.cut.append(name))


def test_an_address_s_own_oldest_idle_connection_makes_room() -> None:
    yard = Yard(in_total=10, per_source=2)
    first, second = yard.enter("first", "192.0.2.1"), yard.enter("second", "192.0.2.1")
    assert first is not None
    assert second is not None
    first.busy()
    first.idle()
    assert yard.enter("other", "192.0.2.2") is not None
    assert yard.cut == []
    assert yard.enter("third", "192.0.2.1") is not None
    assert yard.cut == ["second"], "first did something later"


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    yard = Yard(in_total=10, per_source=1)
    yard.enter("first", "2001:db8::1")
    yard.enter("second", "2001:db8::2")
    yard.enter("third", "2001:db8:0:1::1")
    assert yard.cut == ["first"]


def test_the_address_that_has_most_makes_room_for_one_that_has_fewer() -> None:
    yard = Yard(in_total=3, per_source=3)
    for number in range(3):
        yard.enter(f"stranger {number}", "192.0.2.66")
    board = yard.enter("board", "192.0.2.1")
    assert board is not None
    assert yard.cut == ["stranger 0"]


def test_addresses_that_have_no_more_than_the_newcomer_s_keep_their_places() -> None:
    yard = Yard(in_total=2, per_source=2)
    yard.enter("one", "192.0.2.1")
    yard.enter("two", "192.0.2.2")
    assert yard.enter("three", "192.0.2.2") is None
    assert yard.cut == []


def test_calls_under_way_are_cut_for_nobody() -> None:
    yard = Yard(in_total=4, per_source=2)
    for name in ("one", "two"):
        place = yard.enter(name, "192.0.2.1")
        assert place is not None
        place.busy()
    assert yard.enter("three", "192.0.2.1") is None
    assert yard.cut == []


def test_a_place_that_was_left_is_free_and_stays_so() -> None:
    yard = Yard(in_total=1, per_source=1)
    place = yard.enter("local", None)
    assert place is not None
    place.busy()
    place.leave()
    place.idle()
    again = yard.enter("again", None)
    assert again is not None
    again.busy()
    assert yard.enter("third", None) is None
    assert yard.cut == []
