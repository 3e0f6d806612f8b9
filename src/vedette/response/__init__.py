"""Response: what a person walks through once an alert is there.

In: the store and its evidence, settings and rules as values. Out: what was found, and what is proposed, as values.
Never does: act by itself, print, or write anything but what it was asked to.
Add one by: a module here for each thing that a person asks, a module in `cli` that prints it.
Read first: tuning.py, replay.py.
"""
