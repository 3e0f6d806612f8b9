"""Watch: what runs for months: sources into the engine, alerts into the store, notifications out.

In: sources, rules, sinks, a store. Out: alerts that survive any crash, and somebody told.
Never does: read settings, know a far end's protocol, lose what was acknowledged.
Add one by: a finding in findings.py; a source or sink in its own room.
Read first: loop.py, telling.py, courier.py.
"""
