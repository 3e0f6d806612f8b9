"""Moved to `lab.loki`; import from there."""

from lab.loki import LokiServer

__all__ = ["LokiServer"]
