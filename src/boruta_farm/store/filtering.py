"""What a list's selector sees of a record: its capabilities, and beside them what it shows."""

from collections.abc import Mapping

from boruta_farm.store.driver import Row
from boruta_farm.store.rows import groups_from, mapping


def request_values(row: Row) -> Mapping[str, str]:
    """Return the values of ``id, priority, owner, state, caps, selector, job_worker, ...``.

    A capability asked for wins over a column of the same name.
    """
    number, priority, owner, state, caps, selector, worker = row[:7]
    values = {"id": str(number), "priority": str(priority), "owner": owner, "state": state}
    if selector is not None:
        values["selector"] = selector
    if worker is not None:
        values["worker"] = worker
    if caps is not None:
        values.update(mapping(caps))
    return values


def worker_values(row: Row) -> Mapping[str, str]:
    """Return the values of ``uuid, name, state, groups, caps, fence``; capabilities win."""
    _, name, state, groups, caps, fence = row
    values = {"name": name, "state": state, "fence": fence}
    joined = ",".join(groups_from(groups))
    if joined:
        values["groups"] = joined
    values.update(mapping(caps))
    return values
