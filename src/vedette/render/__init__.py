"""Render: settings and needs into the files that other programs read.

In: names and addresses. Out: text of manifests, policies, units.
Never does: write a file, talk to a server, put in a right that vedette does not use.
Add one by: a module here with a function that gives text, its test, a word in cli/render.py.
Read first: rights.py.
"""
