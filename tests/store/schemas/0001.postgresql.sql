CREATE TABLE accounts (
    name TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    full_name TEXT COLLATE "C" NOT NULL,
    groups TEXT COLLATE "C" NOT NULL,
    ssh_keys TEXT COLLATE "C" NOT NULL,
    keys_on_board BOOLEAN NOT NULL,
    networks TEXT COLLATE "C" NOT NULL,
    limits TEXT COLLATE "C" NOT NULL,
    disabled BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE alembic_version (
    version_num TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (version_num)
);

CREATE TABLE audit (
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    seal TEXT COLLATE "C",
    PRIMARY KEY (number)
);

CREATE INDEX audit_unsealed ON audit (number) WHERE seal IS NULL;

CREATE TABLE counters (
    name TEXT COLLATE "C" NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE creations (
    owner TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    body_hash TEXT COLLATE "C" NOT NULL,
    request_id BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);

CREATE INDEX creations_created ON creations (created);

CREATE TABLE epochs (
    uuid TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    PRIMARY KEY (uuid)
);

CREATE TABLE events (
    number BIGINT NOT NULL,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    request_id BIGINT,
    worker TEXT COLLATE "C",
    state TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    PRIMARY KEY (number)
);

CREATE TABLE farm_groups (
    name TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    limits TEXT COLLATE "C" NOT NULL,
    keys_for_admins BOOLEAN NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE jobs (
    request_id BIGINT NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    phase TEXT COLLATE "C" NOT NULL,
    granted BIGINT NOT NULL,
    timeout BIGINT NOT NULL,
    job_limit BIGINT NOT NULL,
    prolong_seq BIGINT NOT NULL,
    wanted_timeout BIGINT,
    keep_alive_until BIGINT,
    waited BOOLEAN NOT NULL,
    key_read BOOLEAN NOT NULL,
    ended BIGINT,
    PRIMARY KEY (worker, epoch)
);

CREATE UNIQUE INDEX jobs_one_per_request ON jobs (request_id) WHERE phase IN ('OPENING', 'LIVE');

CREATE UNIQUE INDEX jobs_one_per_worker ON jobs (worker) WHERE phase IN ('OPENING', 'LIVE');

CREATE TABLE meta (
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE requests (
    id BIGINT NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    owner_groups TEXT COLLATE "C",
    priority BIGINT NOT NULL,
    valid_after BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    caps TEXT COLLATE "C",
    selector TEXT COLLATE "C",
    created BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    ssh_key TEXT COLLATE "C",
    keep_alive BIGINT,
    orphaned_since BIGINT,
    finished BIGINT,
    reason TEXT COLLATE "C",
    job_worker TEXT COLLATE "C",
    job_epoch BIGINT,
    PRIMARY KEY (id)
);

CREATE INDEX requests_listed ON requests (state, id, priority, deadline, valid_after, finished);

CREATE INDEX requests_waiting ON requests (owner) WHERE state = 'WAITING';

CREATE TABLE session_keys (
    worker TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    public TEXT COLLATE "C" NOT NULL,
    sealed TEXT COLLATE "C",
    PRIMARY KEY (worker, epoch)
);

CREATE TABLE summaries (
    subject TEXT COLLATE "C" NOT NULL,
    numbers TEXT COLLATE "C" NOT NULL,
    updated BIGINT NOT NULL,
    PRIMARY KEY (subject)
);

CREATE INDEX summaries_updated ON summaries (updated);

CREATE TABLE tallies (
    state TEXT COLLATE "C" NOT NULL,
    bucket BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (state, bucket)
);

CREATE TABLE tokens (
    id TEXT COLLATE "C" NOT NULL,
    account TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    issuer TEXT COLLATE "C" NOT NULL,
    uses BIGINT,
    worker TEXT COLLATE "C",
    PRIMARY KEY (id)
);

CREATE TABLE workers (
    uuid TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    caps TEXT COLLATE "C" NOT NULL,
    groups TEXT COLLATE "C" NOT NULL,
    epoch BIGINT NOT NULL,
    fence TEXT COLLATE "C" NOT NULL,
    dryad_address TEXT COLLATE "C" NOT NULL,
    ssh_address TEXT COLLATE "C" NOT NULL,
    port BIGINT NOT NULL,
    registered BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    reason TEXT COLLATE "C",
    username TEXT COLLATE "C" NOT NULL,
    host_key TEXT COLLATE "C",
    boot_id TEXT COLLATE "C",
    credential TEXT COLLATE "C",
    credential_since BIGINT,
    next_credential TEXT COLLATE "C",
    asked_name TEXT COLLATE "C",
    after_job BOOLEAN NOT NULL,
    idle_again BOOLEAN NOT NULL,
    unreachable_since BIGINT,
    facts TEXT COLLATE "C",
    recoveries TEXT COLLATE "C" NOT NULL,
    reach TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (uuid)
);

CREATE UNIQUE INDEX workers_name ON workers (name);

CREATE UNIQUE INDEX workers_port ON workers (port);
