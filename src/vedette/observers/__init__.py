"""Observers: what vedette itself looks at, on a schedule, as second sources for the rules.

In: clients, paths. Out: `Look`s, which become lines of the format `observation`.
Never does: judge what it sees, change anything where it looks.
Add one by: a module that meets `base.Observer`, its test against the real thing, a wire line in wiring.py.
Read first: base.py.
"""
