"""The columns in the order in which rows are written and read.

The schema proper, with types, keys and indexes, is in ``schema.py``; a test holds the two
together. This list exists so that starting and serving need not import SQLAlchemy.
"""

from boruta_farm.store.dialect import Column


def _columns(texts: str) -> tuple[Column, ...]:
    return tuple(Column(*text.split(":")) for text in texts.split())


REQUESTS = _columns(
    "id:bigint owner:text owner_groups:text priority:bigint valid_after:bigint deadline:bigint"
    " state:text caps:text selector:text created:bigint revision:bigint ssh_key:text"
    " keep_alive:bigint orphaned_since:bigint finished:bigint reason:text job_worker:text"
    " job_epoch:bigint"
)
JOBS = _columns(
    "request_id:bigint worker:text epoch:bigint phase:text granted:bigint timeout:bigint"
    " job_limit:bigint prolong_seq:bigint wanted_timeout:bigint keep_alive_until:bigint"
    " waited:boolean key_read:boolean ended:bigint"
)
WORKERS = _columns(
    "uuid:text name:text state:text since:bigint caps:text groups:text epoch:bigint fence:text"
    " dryad_address:text ssh_address:text port:bigint registered:bigint revision:bigint"
    " reason:text username:text host_key:text boot_id:text credential:text"
    " credential_since:bigint next_credential:text asked_name:text after_job:boolean"
    " idle_again:boolean unreachable_since:bigint facts:text recoveries:text reach:text"
)
SESSION_KEYS = _columns("worker:text epoch:bigint public:text sealed:text")
CREATIONS = _columns("owner:text key:text body_hash:text request_id:bigint created:bigint")
EPOCHS = _columns("uuid:text epoch:bigint")
EVENTS = _columns(
    "number:bigint at:bigint kind:text request_id:bigint worker:text state:text reason:text"
)
TALLIES = _columns("state:text bucket:bigint requests:bigint")
ACCOUNTS = _columns(
    "name:text role:text created:bigint full_name:text groups:text ssh_keys:text"
    " keys_on_board:boolean networks:text limits:text disabled:boolean revision:bigint"
)
FARM_GROUPS = _columns(
    "name:text created:bigint limits:text keys_for_admins:boolean revision:bigint"
)
TOKENS = _columns(
    "id:text account:text kind:text scope:text name:text digest:text created:bigint expires:bigint"
    " issuer:text uses:bigint worker:text"
)
AUDIT = _columns(
    "number:bigint at:bigint actor:text source:text action:text subject:text detail:text seal:text"
)
SUMMARIES = _columns("subject:text numbers:text updated:bigint")
COUNTERS = _columns("name:text value:bigint")
META = _columns("name:text value:text")

BUCKET_BITS = 10
"""Requests are tallied per state and per 1,024 ids, so that a page's place needs no counting."""
