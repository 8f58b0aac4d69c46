"""What a failover of PostgreSQL to a standby would lose of what was acknowledged."""

from dataclasses import dataclass

LOOK = """
SELECT current_setting('synchronous_standby_names'),
       (SELECT count(*) FROM pg_stat_replication
        WHERE application_name IS DISTINCT FROM 'pg_basebackup')
"""
"""Everybody may count the rows; what else they tell is for the database's administrators."""

REMEDY = (
    "what was acknowledged last would be lost in a failover; set synchronous_standby_names "
    "to the standby's name"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Durability:
    """Tell what a commit of this server waits for.

    ``commit`` is the writer's ``synchronous_commit``, ``awaited`` the database's
    ``synchronous_standby_names``, ``standbys`` how many receive what it writes, ``hosts`` at how
    many addresses it may be: whoever names several means one to take over.
    """

    commit: str
    awaited: str
    standbys: int
    hosts: int

    def at_risk(self) -> str | None:
        """Return what may be lost, None where a failover loses nothing or none is meant."""
        if self.standbys == 0 and self.hosts < 2:
            return None
        if self.commit == "local":
            words = REMEDY.partition("; ")[0]
            return (
                "commits do not wait for the database's standby (synchronous_commit is local): "
                f"{words}; set it to on for the farm's user"
            )
        if self.awaited:
            return None
        if self.standbys == 0:
            return (
                "no standby follows the database, and commits would not wait for one "
                f"(synchronous_standby_names is empty): {REMEDY}"
            )
        return (
            "commits do not wait for the database's standby (synchronous_standby_names is empty): "
            f"{REMEDY}"
        )
