"""Store: what must outlive the process, in one SQLite file and in segments.

In: positions, acts, alerts, what is to be told; lines that are evidence. Out: the same, after any crash.
Never does: decide what an alert is or who is told; hold a log line anywhere but in a segment.
Add one by: a table in tables.py with a step in `MIGRATIONS`, a module with its reads and writes.
Read first: tables.py, database.py, segments.py.
"""
