"""Moved to `lab.slack`; import from there."""

from lab.slack import CHANNEL, TOKEN, SlackServer, slack_server

__all__ = ["CHANNEL", "TOKEN", "SlackServer", "slack_server"]
