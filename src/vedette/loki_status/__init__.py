"""What the ruler of a Loki really runs, beside what the settings and rules say.

In: the expected groups, and a Loki that is asked. Out: one `Check` for each thing that was looked at.
Never does: change anything; say `ok` of what could not be looked at.
Add one by: a `yield` in the module it belongs to, and a test on a real Loki in which it is found.
Read first: base.py, then rules.py.
"""
