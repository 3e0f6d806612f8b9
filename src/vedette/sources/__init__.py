"""Sources: where bytes come from.

In: paths, addresses, a spool. Out: chunks of whole lines for a scan; for a watch, pieces, each with where to go on.
Never does: look into a line, drop a byte without saying so, note a position that nobody committed.
Add one by: a module here that meets `base.Source`, its test, a class in settings/watching.py, a wire line in wiring.py.
Read first: files.py for a scan; base.py, follow.py for a watch.
"""
