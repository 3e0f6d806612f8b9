"""Moved to `lab.kube`; import from there."""

from lab.kube import ApiServer

__all__ = ["ApiServer"]
