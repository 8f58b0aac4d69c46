"""The audit read."""

from boruta_farm.model.audit import AuditEntry, AuditFilter
from boruta_farm.store.driver import Value
from boruta_farm.store.records import LARGEST, Records, storable
from boruta_farm.store.rows import ENTRY
from boruta_farm.store.values import micros

LARGEST_PAGE = 1000
"""Entries, each of which takes a few KiB at most."""


def list_audit(records: Records, where: AuditFilter) -> tuple[AuditEntry, ...]:
    """Return up to ``limit`` entries that match, oldest first."""
    conditions = ["number > ?"]
    values: list[Value] = [max(0, min(where.after, LARGEST))]
    for column, text in (
        ("actor", where.actor),
        ("action", where.action),
        ("subject", where.subject),
    ):
        if text is None:
            continue
        if not storable(text):
            return ()
        conditions.append(f"{column} = ?")
        values.append(text)
    for comparison, moment in (("at >= ?", where.since), ("at < ?", where.until)):
        if moment is not None:
            conditions.append(comparison)
            values.append(micros(moment))
    values.append(max(0, min(where.limit, LARGEST_PAGE)))
    rows = records.driver.fetch(
        f"{records.statements.audit} WHERE {' AND '.join(conditions)} ORDER BY number LIMIT ?",
        values,
    )
    return tuple(map(ENTRY.record, rows))
