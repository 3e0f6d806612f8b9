"""Serving: HTTP in, with bounded time, size and number of everything; TLS, and the proof of who asks.

In: an address, files of certificates and tokens, a function from Request to Reply. Out: replies, counted refusals.
Never does: know what a request is about, let one client's slowness cost another, put what a client sent into an answer.
Add one by: a function `Request -> Reply` given to `server.Server` where it is wired; a limit is a field of `limits.py`.
Read first: server.py.
"""
