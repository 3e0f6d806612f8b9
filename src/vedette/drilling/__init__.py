"""Drilling: a drill done, its alert followed from hop to hop, everything taken away again, and the record of it kept.

In: a `Drill`, the store, the far ends of the sinks. Out: a `Result` a rule.
Never does: act before its record is written, end before it has looked for what it made.
Add one by: a hop is a method of `hops.ByVedette`; a drill is a class in `drills`.
Read first: conduct.py, hops.py, wire.py.
"""
