"""A Slack channel, by an app's bot token or by an incoming webhook.

With a token the message of an alert is changed when the alert closes, which notifies nobody; its receipt is
`channel:ts`. A webhook cannot change what it posted: there the closing of an alert of several acts is a short message
of its own, and that of a single act is not told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from vedette.clients.base import BadSecret, NoAnswer
from vedette.clients.slack import IncomingWebhook, Posted, Refused
from vedette.clients.slack import Slack as Client
from vedette.notification import Notification, Occasion
from vedette.sinks.base import NotDelivered
from vedette.sinks.slack_blocks import Message, closed, closing, opened
from vedette.sinks.verdict import retry_after, unanswered, verdict

_T = TypeVar("_T")

# The errors of chat.postMessage and chat.update as docs.slack.dev lists them, and those of incoming webhooks (its
# changelog of 2016-05-17). One that is not here is dead: somebody has to look.
_LATER = frozenset(
    """
    rate_limited ratelimited message_limit_exceeded internal_error fatal_error service_unavailable request_timeout
    team_added_to_org external_channel_migrating update_failed streaming_state_conflict rollup_error
    """.split()
)
_PERHAPS = frozenset({"internal_error", "fatal_error", "rollup_error", "update_failed"})
"""It is possible that some aspect of the operation succeeded, say Slack's pages of the first two."""
_AT_FAULT = frozenset(
    """
    msg_too_long msg_blocks_too_long invalid_blocks invalid_blocks_format invalid_arguments invalid_payload no_text
    invalid_attachments too_many_attachments block_mismatch
    """.split()
)
_OF_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
"""Limits of blocks are not all written down; the same alert may go well as text alone."""
_CANNOT_CHANGE = frozenset({"cant_update_message", "edit_window_closed", "block_mismatch"})
"""Of chat.update: the message stands, and is not ours to change any more."""
_GONE = "message_not_found"
"""Of chat.update: somebody deleted it."""


class Slack:
    """One channel."""

    batch = 1
    resend = 0.0
    hold = 0.0

    def __init__(
        self,
        name: str,
        *,
        token_file: str = "",
        channel: str = "",
        webhook_url_file: str = "",
        api_url: str = "https://slack.com/api",
        ca_file: str = "",
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """As the settings' keys. `timeout`: seconds; `clock`: seconds since 1970."""
        self.name = name
        self._channel = channel
        self._clock = clock
        self._bot = None if webhook_url_file else Client(token_file, api_url=api_url, ca_file=ca_file, timeout=timeout)
        self._webhook = IncomingWebhook(webhook_url_file, ca_file=ca_file, timeout=timeout)

    def send(self, notifications: Sequence[Notification]) -> str:
        """Tell; gives `channel:ts` of the last, with a bot token. Raises NotDelivered."""
        receipt = ""
        try:
            for notification in notifications:
                receipt = self._by_webhook(notification) if self._bot is None else self._by_bot(self._bot, notification)
        except Refused as refused:
            raise self._judged(refused) from None
        except (NoAnswer, BadSecret) as error:
            raise unanswered(error) from None
        except ValueError:
            raise NotDelivered("no http or https URL", dead=True) from None
        return receipt

    def close(self) -> None:
        """Close idle connections."""
        self._webhook.close()
        if self._bot is not None:
            self._bot.close()

    def _by_webhook(self, notification: Notification) -> str:
        if notification.occasion is Occasion.OPENED:
            _tell(self._webhook.post, opened(notification))
        elif notification.alert.count > 1:
            _tell(self._webhook.post, closing(notification))
        return ""

    def _by_bot(self, bot: Client, notification: Notification) -> str:
        if notification.occasion is Occasion.OPENED:
            return _receipt(_tell(bot.post, {"channel": self._channel, **opened(notification)}))
        channel, _, ts = notification.receipt.partition(":")
        if not channel or not ts:
            return _receipt(_tell(bot.post, {"channel": self._channel, **closed(notification)}))
        message: Message = {**closed(notification), "channel": channel, "ts": ts}
        try:
            return _receipt(_tell(bot.update, message))
        except Refused as refused:
            word = str(refused)
            if word == _GONE or (word in _CANNOT_CHANGE and notification.alert.count == 1):
                return notification.receipt
            if word not in _CANNOT_CHANGE:
                raise
        return _receipt(_tell(bot.post, {"channel": self._channel, **closing(notification)}))

    def _judged(self, refused: Refused) -> NotDelivered:
        word, answer = str(refused), refused.answer
        wait = retry_after(answer.headers.get("retry-after", ""), self._clock())
        reason = f"{answer.status} {word}"
        if answer.status == 429 or answer.status >= 500:
            return NotDelivered(reason.rstrip(), retry_after=wait, perhaps=answer.status >= 500)
        if word in _LATER:
            return NotDelivered(reason, retry_after=wait, perhaps=word in _PERHAPS)
        if word in _AT_FAULT:
            return NotDelivered(reason, refused=True)
        if word:
            return NotDelivered(reason, dead=True)
        # No word of Slack's: the address is not Slack's, or something stands in between.
        return verdict(answer, self._clock()) or NotDelivered(f"{reason}and not what Slack answers", dead=True)


def _tell(post: Callable[[Message], _T], message: Message) -> _T:
    """Post; where the blocks are refused, as text alone."""
    try:
        return post(message)
    except Refused as refused:
        if str(refused) not in _OF_BLOCKS:
            raise
    return post({**message, "blocks": []})


def _receipt(posted: Posted) -> str:
    return f"{posted.channel}:{posted.ts}" if posted.channel and posted.ts else ""
