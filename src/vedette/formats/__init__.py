"""Formats: what a line says.

In: bytes of a log. Out: `Batch`es of projected records, and an `Event` for each record that a rule may match.
Never does: know a rule, open a file, drop a line without counting it.
Add one by: a module here with a class that meets `base.Format`, its test, one line in `FORMATS`.
Read first: base.py, reader.py, kube_audit.py.
"""
