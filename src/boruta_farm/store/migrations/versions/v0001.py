"""The first schema."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, text

revision = "0001"
down_revision: str | None = None

NUMBER = BigInteger().with_variant(Integer(), "sqlite")
PLAIN = Text().with_variant(Text(collation="C"), "postgresql")


def _columns(texts: str) -> "list[Column[object]]":
    """Return columns from words like ``id:number!`` (key), ``name:text`` and ``reason:text?``."""
    kinds: dict[str, Text | BigInteger | Boolean] = {
        "number": NUMBER,
        "text": PLAIN,
        "boolean": Boolean(),
    }
    columns: list[Column[object]] = []
    for word in texts.split():
        name, kind = word.rstrip("!?").split(":")
        columns.append(
            Column(
                name,
                kinds[kind],
                primary_key=word.endswith("!"),
                nullable=word.endswith("?"),
                autoincrement=False,
            )
        )
    return columns


def upgrade() -> None:
    """Make all tables and indexes."""
    op.create_table(
        "requests",
        *_columns(
            "id:number! owner:text owner_groups:text? priority:number valid_after:number"
            " deadline:number state:text caps:text? selector:text? created:number"
            " revision:number ssh_key:text? keep_alive:number? orphaned_since:number?"
            " finished:number? reason:text? job_worker:text? job_epoch:number?"
        ),
    )
    op.create_index(
        "requests_listed",
        "requests",
        ["state", "id", "priority", "deadline", "valid_after", "finished"],
    )
    waiting = text("state = 'WAITING'")
    op.create_index(
        "requests_waiting",
        "requests",
        ["owner"],
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
    op.create_table(
        "jobs",
        *_columns(
            "request_id:number worker:text! epoch:number! phase:text granted:number"
            " timeout:number job_limit:number prolong_seq:number wanted_timeout:number?"
            " keep_alive_until:number? waited:boolean key_read:boolean ended:number?"
        ),
        sqlite_with_rowid=False,
    )
    holding = text("phase IN ('OPENING', 'LIVE')")
    for name, column in (("jobs_one_per_worker", "worker"), ("jobs_one_per_request", "request_id")):
        op.create_index(
            name, "jobs", [column], unique=True, sqlite_where=holding, postgresql_where=holding
        )
    op.create_table(
        "workers",
        *_columns(
            "uuid:text! name:text state:text since:number caps:text groups:text epoch:number"
            " fence:text dryad_address:text ssh_address:text port:number registered:number"
            " revision:number reason:text? username:text host_key:text? boot_id:text?"
            " credential:text? credential_since:number? next_credential:text? asked_name:text?"
            " after_job:boolean idle_again:boolean unreachable_since:number?"
            " facts:text? recoveries:text reach:text"
        ),
    )
    op.create_index("workers_name", "workers", ["name"], unique=True)
    op.create_index("workers_port", "workers", ["port"], unique=True)
    op.create_table(
        "session_keys",
        *_columns("worker:text! epoch:number! public:text sealed:text?"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "creations",
        *_columns("owner:text! key:text! body_hash:text request_id:number created:number"),
        sqlite_with_rowid=False,
    )
    op.create_index("creations_created", "creations", ["created"])
    op.create_table("epochs", *_columns("uuid:text! epoch:number"), sqlite_with_rowid=False)
    op.create_table(
        "events",
        *_columns(
            "number:number! at:number kind:text request_id:number? worker:text? state:text?"
            " reason:text?"
        ),
    )
    op.create_table(
        "summaries",
        *_columns("subject:text! numbers:text updated:number"),
        sqlite_with_rowid=False,
    )
    op.create_index("summaries_updated", "summaries", ["updated"])
    op.create_table(
        "tallies",
        *_columns("state:text! bucket:number! requests:number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "accounts",
        *_columns(
            "name:text! role:text created:number full_name:text groups:text ssh_keys:text"
            " keys_on_board:boolean networks:text limits:text disabled:boolean revision:number"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "farm_groups",
        *_columns("name:text! created:number limits:text keys_for_admins:boolean revision:number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tokens",
        *_columns(
            "id:text! account:text kind:text scope:text name:text digest:text created:number"
            " expires:number issuer:text uses:number? worker:text?"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit",
        *_columns(
            "number:number! at:number actor:text source:text action:text subject:text"
            " detail:text seal:text?"
        ),
    )
    unsealed = text("seal IS NULL")
    op.create_index(
        "audit_unsealed",
        "audit",
        ["number"],
        sqlite_where=unsealed,
        postgresql_where=unsealed,
    )
    op.create_table("counters", *_columns("name:text! value:number"), sqlite_with_rowid=False)
    op.create_table("meta", *_columns("name:text! value:text"), sqlite_with_rowid=False)
