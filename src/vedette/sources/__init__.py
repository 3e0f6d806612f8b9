"""Sources: where bytes come from.

In: paths. Out: chunks of whole lines, and the files they came from.
Never does: look into a line, drop a byte without saying so.
Add one by: a module here that gives chunks, its test, one call in `scan.py`.
Read first: files.py.
"""
