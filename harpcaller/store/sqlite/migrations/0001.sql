-- Jobs, in the order of submission. An ended job keeps its row until it is pruned.
CREATE TABLE job (
    no           INTEGER PRIMARY KEY,
    id           BLOB    NOT NULL,            -- the UUID's 16 bytes
    state        INTEGER NOT NULL,            -- 0 queued, 1 running, 2 ended
    queue        BLOB    NOT NULL,            -- key of the queue's name; x'' is none
    slots        INTEGER,                     -- the queue's concurrency in force
    submitted_at REAL    NOT NULL,
    started_at   REAL,                        -- its first start
    ended_at     REAL,
    starts       INTEGER NOT NULL,            -- also the fence of the last claim
    packets      INTEGER NOT NULL DEFAULT 0,  -- once ended; before, the log tells
    on_loss      INTEGER NOT NULL,            -- 0 end, 1 retry, 2 resume
    retries      INTEGER NOT NULL,
    cancel       INTEGER NOT NULL DEFAULT 0,  -- 1: somebody wants it to end
    beside       INTEGER NOT NULL DEFAULT 0,  -- 1: something to erase when it ends
    owner        INTEGER,                     -- whose set its sealed values are in
    timeout_s    REAL    NOT NULL,
    max_exec_s   REAL    NOT NULL,
    host         TEXT    NOT NULL,
    procedure    TEXT    NOT NULL,
    identity     TEXT    NOT NULL,
    key          TEXT,
    digest       BLOB,                        -- of the call's content, with a key
    parent       BLOB,
    label        TEXT,
    queue_name   BLOB,
    arguments    BLOB    NOT NULL,
    info         BLOB    NOT NULL,
    outcome      BLOB,
    CHECK ((state = 2) = (ended_at IS NOT NULL)),
    CHECK ((state = 2) = (outcome IS NOT NULL)),
    CHECK (state <> 1 OR starts > 0)
);
CREATE UNIQUE INDEX job_by_id ON job (id);
CREATE UNIQUE INDEX job_by_key ON job (identity, host, key) WHERE key IS NOT NULL;
CREATE INDEX job_waiting ON job (queue, no) WHERE state = 0;
CREATE INDEX job_queued ON job (no) WHERE state = 0;
CREATE INDEX job_running ON job (no) WHERE state = 1;
CREATE INDEX job_ended ON job (ended_at) WHERE state = 2;
CREATE INDEX job_by_parent ON job (parent, no) WHERE parent IS NOT NULL;

-- Packets, as many to a row as came together, a line break between them.
CREATE TABLE chunk (
    job   INTEGER NOT NULL,
    first INTEGER NOT NULL,
    count INTEGER NOT NULL,
    texts BLOB    NOT NULL,
    PRIMARY KEY (job, first)
) WITHOUT ROWID;

-- Sealed values. They go when their owner ends: the job, or the parent of a child.
CREATE TABLE sealed (
    owner   INTEGER NOT NULL,
    job     INTEGER NOT NULL,
    n       INTEGER NOT NULL,
    pointer TEXT    NOT NULL,
    value   BLOB    NOT NULL,
    PRIMARY KEY (owner, job, n)
) WITHOUT ROWID;

-- Documents beside a job, until it ends.
CREATE TABLE doc (
    job  INTEGER NOT NULL,
    name TEXT    NOT NULL,
    body BLOB    NOT NULL,
    PRIMARY KEY (job, name)
);

-- Documents of nobody's job.
CREATE TABLE shared (
    space TEXT NOT NULL,
    name  TEXT NOT NULL,
    body  BLOB NOT NULL,
    PRIMARY KEY (space, name)
);

CREATE TABLE pause (
    queue BLOB PRIMARY KEY,
    name  BLOB NOT NULL
) WITHOUT ROWID;
