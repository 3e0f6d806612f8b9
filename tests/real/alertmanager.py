"""Moved to `lab.alertmanager` and `lab.process`; import from there."""

from lab.alertmanager import AlertmanagerServer, alertmanager
from lab.process import until

__all__ = ["AlertmanagerServer", "alertmanager", "until"]
