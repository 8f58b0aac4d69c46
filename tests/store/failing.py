"""Connections that fail on demand, below any store."""

from collections.abc import Callable, Iterator, Sequence

from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.driver import DatabaseDriver, Row, Value


class FailingDriver:
    """Pass everything on, except where ``before`` or ``after`` raises.

    Both are called with the statement (``COMMIT`` included).
    """

    def __init__(
        self,
        driver: DatabaseDriver,
        before: Callable[[str], None] = lambda statement: None,
        after: Callable[[str], None] = lambda statement: None,
    ) -> None:
        self._driver = driver
        self._before = before
        self._after = after

    def fetch(self, statement: str, parameters: Sequence[Value] = ()) -> list[Row]:
        self._before(statement)
        rows = self._driver.fetch(statement, parameters)
        self._after(statement)
        return rows

    def write(self, statement: str, rows: Sequence[Row]) -> list[Row]:
        self._before(statement)
        found = self._driver.write(statement, rows)
        self._after(statement)
        return found

    def post(self, statement: str, parameters: Sequence[Value] = ()) -> None:
        self._before(statement)
        self._driver.post(statement, parameters)
        self._after(statement)

    def put(self, statement: str, rows: Sequence[Row]) -> None:
        self._before(statement)
        self._driver.put(statement, rows)
        self._after(statement)

    def settle(self) -> None:
        self._driver.settle()

    def read(self, statement: str, size: int) -> Iterator[list[Row]]:
        self._before(statement)
        return self._driver.read(statement, size)

    def begin(self, *, wait: bool = True) -> None:
        self._before("BEGIN")
        self._driver.begin(wait=wait)

    def begin_reading(self) -> None:
        self._driver.begin_reading()

    def commit(self) -> None:
        self._before("COMMIT")
        self._driver.commit()
        self._after("COMMIT")

    def rollback(self) -> None:
        self._driver.rollback()

    def close(self) -> None:
        self._driver.close()


def failing(start: str, error: BaseException) -> Callable[[str], None]:
    """Return a hook that raises at statements that begin like ``start``."""

    def check(statement: str) -> None:
        if statement.startswith(start):
            raise error

    return check


def spoil(
    store: DatabaseStore,
    before: Callable[[str], None] = lambda statement: None,
    after: Callable[[str], None] = lambda statement: None,
) -> None:
    """Let the writer's present connection fail; the next one it opens is sound."""
    store._batcher.open()
    assert store._batcher.driver is not None
    store._batcher.driver = FailingDriver(store._batcher.driver, before, after)
