"""Moved to `lab.vault` and `lab.built`; import from there."""

from lab.built import part
from lab.vault import VaultServer

__all__ = ["VaultServer", "part"]
