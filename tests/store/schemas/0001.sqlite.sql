CREATE TABLE accounts (
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created INTEGER NOT NULL,
    full_name TEXT NOT NULL,
    groups TEXT NOT NULL,
    ssh_keys TEXT NOT NULL,
    keys_on_board BOOLEAN NOT NULL,
    networks TEXT NOT NULL,
    limits TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE alembic_version (
    version_num TEXT NOT NULL,
    PRIMARY KEY (version_num)
);

CREATE TABLE audit (
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    source TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    seal TEXT,
    PRIMARY KEY (number)
);

CREATE INDEX audit_unsealed ON audit (number) WHERE seal IS NULL;

CREATE TABLE counters (
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE creations (
    owner TEXT NOT NULL,
    "key" TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    request_id INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (owner, "key")
)
 WITHOUT ROWID;

CREATE INDEX creations_created ON creations (created);

CREATE TABLE epochs (
    uuid TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (uuid)
)
 WITHOUT ROWID;

CREATE TABLE events (
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    request_id INTEGER,
    worker TEXT,
    state TEXT,
    reason TEXT,
    PRIMARY KEY (number)
);

CREATE TABLE farm_groups (
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    limits TEXT NOT NULL,
    keys_for_admins BOOLEAN NOT NULL,
    revision INTEGER NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE jobs (
    request_id INTEGER NOT NULL,
    worker TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    phase TEXT NOT NULL,
    granted INTEGER NOT NULL,
    timeout INTEGER NOT NULL,
    job_limit INTEGER NOT NULL,
    prolong_seq INTEGER NOT NULL,
    wanted_timeout INTEGER,
    keep_alive_until INTEGER,
    waited BOOLEAN NOT NULL,
    key_read BOOLEAN NOT NULL,
    ended INTEGER,
    PRIMARY KEY (worker, epoch)
)
 WITHOUT ROWID;

CREATE UNIQUE INDEX jobs_one_per_request ON jobs (request_id) WHERE phase IN ('OPENING', 'LIVE');

CREATE UNIQUE INDEX jobs_one_per_worker ON jobs (worker) WHERE phase IN ('OPENING', 'LIVE');

CREATE TABLE meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
)
 WITHOUT ROWID;

CREATE TABLE requests (
    id INTEGER NOT NULL,
    owner TEXT NOT NULL,
    owner_groups TEXT,
    priority INTEGER NOT NULL,
    valid_after INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    state TEXT NOT NULL,
    caps TEXT,
    selector TEXT,
    created INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    ssh_key TEXT,
    keep_alive INTEGER,
    orphaned_since INTEGER,
    finished INTEGER,
    reason TEXT,
    job_worker TEXT,
    job_epoch INTEGER,
    PRIMARY KEY (id)
);

CREATE INDEX requests_listed ON requests (state, id, priority, deadline, valid_after, finished);

CREATE INDEX requests_waiting ON requests (owner) WHERE state = 'WAITING';

CREATE TABLE session_keys (
    worker TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    public TEXT NOT NULL,
    sealed TEXT,
    PRIMARY KEY (worker, epoch)
)
 WITHOUT ROWID;

CREATE TABLE summaries (
    subject TEXT NOT NULL,
    numbers TEXT NOT NULL,
    updated INTEGER NOT NULL,
    PRIMARY KEY (subject)
)
 WITHOUT ROWID;

CREATE INDEX summaries_updated ON summaries (updated);

CREATE TABLE tallies (
    state TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (state, bucket)
)
 WITHOUT ROWID;

CREATE TABLE tokens (
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    digest TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    issuer TEXT NOT NULL,
    uses INTEGER,
    worker TEXT,
    PRIMARY KEY (id)
)
 WITHOUT ROWID;

CREATE TABLE workers (
    uuid TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    caps TEXT NOT NULL,
    groups TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    fence TEXT NOT NULL,
    dryad_address TEXT NOT NULL,
    ssh_address TEXT NOT NULL,
    port INTEGER NOT NULL,
    registered INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    reason TEXT,
    username TEXT NOT NULL,
    host_key TEXT,
    boot_id TEXT,
    credential TEXT,
    credential_since INTEGER,
    next_credential TEXT,
    asked_name TEXT,
    after_job BOOLEAN NOT NULL,
    idle_again BOOLEAN NOT NULL,
    unreachable_since INTEGER,
    facts TEXT,
    recoveries TEXT NOT NULL,
    reach TEXT NOT NULL,
    PRIMARY KEY (uuid)
);

CREATE UNIQUE INDEX workers_name ON workers (name);

CREATE UNIQUE INDEX workers_port ON workers (port);
