"""A farm's data made large by copying what it holds: ten million requests in minutes."""

import sqlite3
from pathlib import Path

from boruta_farm.model.request import RequestState
from boruta_farm.server.folder import DATABASE_FILE
from boruta_farm.store.schema import PRIORITY_BITS

OLD = 10 * 86_400_000_000
"""Microseconds, ten days."""

WAITING = "SELECT count(*) FROM requests WHERE state = 'WAITING'"


def grown(data: Path, stored: int, state: RequestState = RequestState.CANCELLED) -> None:
    """Copy a farm's requests of a state, under new ids, until it keeps so many requests in all."""
    connection = sqlite3.connect(data / DATABASE_FILE, isolation_level=None)
    try:
        for words in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {words}")
        names = [row[1] for row in connection.execute("PRAGMA table_info(requests)")]
        others = ", ".join(name for name in names if name != "id")
        waiting = _value(connection, WAITING)
        connection.execute("BEGIN")
        # What has just finished is kept whatever the settings say.
        connection.execute(
            "UPDATE requests SET finished = finished - ? WHERE finished IS NOT NULL", (OLD,)
        )
        while (left := stored - _value(connection, "SELECT count(*) FROM requests")) > 0:
            last = _value(connection, "SELECT max(id) FROM requests")
            connection.execute(
                f"INSERT INTO requests (id, {others})"
                f" SELECT {last} + row_number() OVER (ORDER BY id), {others} FROM requests"
                f" WHERE state = ? ORDER BY id LIMIT {left}",
                (state.value,),
            )
        connection.execute("DELETE FROM tallies")
        connection.execute(
            "INSERT INTO tallies (state, bucket, requests)"
            " SELECT state, id >> 10, count(*) FROM requests GROUP BY state, id >> 10"
        )
        connection.execute("DELETE FROM priority_tallies")
        connection.execute(
            "INSERT INTO priority_tallies (priority, bucket, requests)"
            f" SELECT priority, id >> {PRIORITY_BITS}, count(*) FROM requests"
            f" GROUP BY priority, id >> {PRIORITY_BITS}"
        )
        connection.execute(f"UPDATE backlogs SET size = size * ({WAITING}) / ?", (max(waiting, 1),))
        for name, words in (("request", "max(id)"), ("requests", "count(*)")):
            connection.execute(
                f"UPDATE counters SET value = (SELECT {words} FROM requests) WHERE name = ?",
                (name,),
            )
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _value(connection: sqlite3.Connection, statement: str) -> int:
    return int(connection.execute(statement).fetchone()[0])
