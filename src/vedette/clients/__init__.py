"""Clients: one thin module a system, over HTTP with TLS, timeouts, no redirects, no proxies from the environment.

In: addresses and paths of secrets. Out: decoded answers, or an error that says what was asked and what came back.
Never does: follow a redirect or a URL found in a log, keep a secret longer than a call, retry.
Add one by: a module here on `base.Http` (ssh.py: on the user's own ssh), its test against the real server.
Read first: base.py.
"""
