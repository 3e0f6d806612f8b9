"""Sinks: alerts to people.

In: `Notification`s. Out: messages, posts, lines, and a receipt for each.
Never does: decide who is told or when, wait before it tries again, forget an alert; `watch/courier.py` does.
Add one by: a module here that meets `base.Sink`, its test, a class in settings/watching.py, a wire line in wiring.py.
Read first: base.py.
"""
