from boruta_farm.link.backoff import Backoff


def test_the_wait_doubles_to_its_limit() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.next() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_the_wait_is_drawn_from_all_below() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.next() for _ in range(3)] == [0, 0, 0]


def test_a_success_starts_over() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5):
        backoff.next()
    backoff.reset()
    assert backoff.next() == 0.5


def test_many_failures_do_not_overflow() -> None:
    backoff = Backoff(lambda: 1.0)
    for _ in range(5000):
        assert backoff.next() <= 30


def test_a_slow_retry_is_about_a_minute() -> None:
    assert Backoff(lambda: 0.0).slow() == 54
    assert 65.9 < Backoff(lambda: 1.0).slow() < 66.1
