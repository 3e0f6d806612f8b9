"""Journal: the program's own log on standard error, as JSON lines or for a terminal. No event's body is in it."""

from __future__ import annotations

import json
import logging
import sys

from vedette.escape import terminal
from vedette.stamp import stamp

_OURS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the call added."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        found: dict[str, object] = {
            "time": stamp(int(record.created * 1e9)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_added(record),
        }
        if record.exc_info:
            found["exception"] = self.formatException(record.exc_info)
        return json.dumps(found, default=str)


class PlainLines(logging.Formatter):
    """For a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with what the call added behind it."""
        added = ", ".join(f"{name}={value}" for name, value in _added(record).items())
        text = terminal(f"{record.getMessage()}{f' ({added})' if added else ''}")
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"vedette: {text}"


def _added(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _OURS}


def set_up(*, quiet: bool) -> None:
    """Have warnings, and unless `quiet` also notices, of vedette's own loggers on standard error."""
    # A standard error that takes nothing (a full disk, a closed pipe) is no reason for a traceback on it.
    logging.raiseExceptions = False
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines() if sys.stderr.isatty() else JsonLines())
    logger = logging.getLogger("vedette")
    logger.handlers[:] = [handler]
    logger.propagate = False
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
