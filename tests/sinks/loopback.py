"""Moved to `lab.loopback`; import from there."""

from lab.loopback import Asked, Loopback, Reply, serving

__all__ = ["Asked", "Loopback", "Reply", "serving"]
