"""The tables of the store, and the steps from each version of them to the next.

Times are nanoseconds since 1970 UTC by the clock, unless a column says event time. Items are msgpack of the engine's
own structs.
"""

from __future__ import annotations

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;

-- Where each stream of each source goes on. `line`: lines before the position, of the file called `name`.
CREATE TABLE positions (
    source TEXT, stream TEXT, name TEXT NOT NULL, position TEXT NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (source, stream)
) WITHOUT ROWID;

-- Sums since the store was made.
CREATE TABLE counters (source TEXT, name TEXT, value INTEGER NOT NULL, PRIMARY KEY (source, name)) WITHOUT ROWID;

-- The final word on an act, by a digest of detection and act.
CREATE TABLE acts (key BLOB PRIMARY KEY, rank INTEGER NOT NULL, noted INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX acts_noted ON acts (noted);

-- What a later record may overrule.
CREATE TABLE held (
    key BLOB PRIMARY KEY, rank INTEGER NOT NULL, due INTEGER NOT NULL, awaits BLOB NOT NULL, item BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX held_due ON held (due);
CREATE INDEX held_awaits ON held (awaits) WHERE awaits != x'';

-- `time` is event time.
CREATE TABLE window_acts (
    id INTEGER PRIMARY KEY, correlation TEXT NOT NULL, grp TEXT NOT NULL, time INTEGER NOT NULL, act TEXT NOT NULL,
    detection TEXT NOT NULL, counted TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0
);

-- One row an episode. first_seen and last_seen are event times. `untold`: why nobody was told, or nothing.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, key BLOB NOT NULL, rule TEXT NOT NULL, severity INTEGER NOT NULL, source TEXT NOT NULL,
    state TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, count INTEGER NOT NULL,
    opened INTEGER NOT NULL, touched INTEGER NOT NULL, quiet_after INTEGER NOT NULL, closed INTEGER NOT NULL DEFAULT 0,
    item BLOB NOT NULL, untold TEXT NOT NULL DEFAULT '',
    acked INTEGER NOT NULL DEFAULT 0, acked_by TEXT NOT NULL DEFAULT '', closed_by TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX alerts_key ON alerts (key, last_seen);
CREATE INDEX alerts_open ON alerts (state, touched) WHERE state = 'open';
CREATE INDEX alerts_opened ON alerts (opened);

-- What is to be told to whom; a row stays as the record of it. `begun`: a try began and nobody has noted its end.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY, alert TEXT NOT NULL, sink TEXT NOT NULL, occasion TEXT NOT NULL, state TEXT NOT NULL,
    due INTEGER NOT NULL, created INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0, begun INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '', receipt TEXT NOT NULL DEFAULT '',
    UNIQUE (alert, sink, occasion)
);
CREATE INDEX outbox_due ON outbox (sink, due) WHERE state = 'waiting';

CREATE TABLE sinks (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, since INTEGER NOT NULL, reason TEXT NOT NULL, told INTEGER NOT NULL
) WITHOUT ROWID;

-- Nothing of these alerts is told until then.
CREATE TABLE silences (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, alert TEXT NOT NULL, until INTEGER NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL, made INTEGER NOT NULL
);

-- What was observed last, and each policy's text whenever it changed.
CREATE TABLE observed (
    kind TEXT, subject TEXT, time TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (kind, subject)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    kind TEXT, subject TEXT, time TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, subject, time)
) WITHOUT ROWID;

-- The longest silence of each source on each day, in seconds.
CREATE TABLE silence_days (source TEXT, day INTEGER, longest REAL NOT NULL, PRIMARY KEY (source, day)) WITHOUT ROWID;
"""

_SECOND = """
-- What people did about alerts. `did`: acked, silenced, unsilenced, closed.
CREATE TABLE deeds (
    id INTEGER PRIMARY KEY, alert TEXT NOT NULL, time INTEGER NOT NULL, by TEXT NOT NULL, did TEXT NOT NULL,
    said TEXT NOT NULL
);
CREATE INDEX deeds_alert ON deeds (alert);
CREATE INDEX silences_key ON silences (key);
"""

_THIRD = """
-- What the loop asks every few seconds must not cost by the number of open alerts: the literals are those of alerts.py.
CREATE INDEX alerts_quiet ON alerts (touched + quiet_after * 1000000000) WHERE state = 'open' AND source != 'vedette';
CREATE INDEX alerts_findings ON alerts (id) WHERE state = 'open' AND source = 'vedette';
DROP INDEX alerts_open;
"""

_FOURTH = """
-- Each drill, written before its act. `things`: a JSON list of [system, path], what is to be taken away again;
-- `cleaned`: when all of it was seen to be gone. `hops`: a JSON list of [name, time, what was seen there].
CREATE TABLE drills (
    mark TEXT PRIMARY KEY, rule TEXT NOT NULL, how TEXT NOT NULL, engine TEXT NOT NULL, begun INTEGER NOT NULL,
    things TEXT NOT NULL, cleaned INTEGER NOT NULL DEFAULT 0, ended INTEGER NOT NULL DEFAULT 0,
    outcome TEXT NOT NULL DEFAULT '', stuck TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '',
    hops TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX drills_rule ON drills (rule, begun);
"""

_FIFTH = """
-- `severity`: 1 to 3, 1 is the worst.
CREATE TABLE incidents (
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, severity INTEGER NOT NULL, opened INTEGER NOT NULL,
    opened_by TEXT NOT NULL, closed INTEGER NOT NULL DEFAULT 0, closed_by TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT ''
);

-- What was added to an incident; only added to. `kind`: alert, note, question, action, severity, or the state that a
-- step came to; `name`: of what. `item`: the alert as it was then.
CREATE TABLE incident_entries (
    id INTEGER PRIMARY KEY, incident INTEGER NOT NULL, time INTEGER NOT NULL, by TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, said TEXT NOT NULL, item BLOB NOT NULL
);
CREATE INDEX incident_entries_incident ON incident_entries (incident);
"""

_SIXTH = """
-- Each action, planned before it is applied. `plan` holds what undoing needs; `checks`: what verifying saw last.
CREATE TABLE actions (
    id TEXT PRIMARY KEY, action TEXT NOT NULL, target TEXT NOT NULL, plan TEXT NOT NULL, alert TEXT NOT NULL,
    by TEXT NOT NULL, made INTEGER NOT NULL, state TEXT NOT NULL DEFAULT 'planned',
    applied_by TEXT NOT NULL DEFAULT '', applied INTEGER NOT NULL DEFAULT 0, verified INTEGER NOT NULL DEFAULT 0,
    checks TEXT NOT NULL DEFAULT '[]', undone_by TEXT NOT NULL DEFAULT '', undone INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX actions_made ON actions (made);
CREATE INDEX actions_alert ON actions (alert) WHERE alert != '';

-- Each call of applying (turn 0) and of undoing (1 and on), written before it is sent and after it is answered.
CREATE TABLE action_steps (
    action TEXT, turn INTEGER, number INTEGER, does TEXT NOT NULL, begun INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0, by TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'begun',
    said TEXT NOT NULL DEFAULT '', PRIMARY KEY (action, turn, number)
) WITHOUT ROWID;
"""

MIGRATIONS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH, _SIXTH)
"""Step n leads from version n to n + 1; never changed once released, only added to."""
