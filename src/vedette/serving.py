"""Serving: HTTP in, with bounded time, size and number of connections; TLS and the proof of who asks."""
