"""Moved to `lab.watch`; import from there."""

from lab.watch import Daemon, daemon

__all__ = ["Daemon", "daemon"]
