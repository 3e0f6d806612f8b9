"""Engine: which events meet which rules, and what that amounts to.

In: projected records and `Event`s, `Rule`s. Out: `Sighting`s, then `Match`es, then `Alert`s.
Never does: read files, know a format or YAML, drop an act because it came late or twice.
Add one by: an operator in `rule.Op` and `compare.py`; a correlation in `windows.py`.
Read first: evaluate.py, masks.py, matcher.py.
"""
