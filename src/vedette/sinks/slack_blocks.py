"""An alert as a Slack message (Block Kit).

Log text stands in plain_text objects only, where Slack knows no markup, and is escaped all the same. The one mrkdwn
object is the link to the runbook, whose URL is the settings'.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

from vedette.escape import slack
from vedette.notification import Notification
from vedette.rule import Reaction
from vedette.sinks.record import link
from vedette.stamp import stamp

# docs.slack.dev/reference/block-kit: header 150, a section's field 2000 and text 3000, 50 blocks. Beside these there is
# an unwritten bound over all blocks of a message, `msg_blocks_too_long`: 9,597 characters passed and 11,341 did not
# (slackapi/bolt-js#2867). The sizes below add up to less than 6,000.
LONGEST_HEADER = 150
LONGEST_ACTOR = 600
LONGEST_FIELD = 400
LONGEST_OBJECT = 1000
LONGEST_WHY = 800
LONGEST_STEP = 800
LONGEST_FALLBACK = 600
LONGEST_URL = 1500

_MARKS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_CLOSED = "⚪"
_KINDS = {Reaction.ATTEMPT.value: "attempt: ", Reaction.CANNOT_TELL.value: "cannot tell: "}
_IN_URLS = {"|": "%7C", "<": "%3C", ">": "%3E"}

Message = dict[str, Any]
"""Arguments of chat.postMessage, but the channel; chat.update and incoming webhooks take them as well."""


def opened(notification: Notification) -> Message:
    """An alert that is new."""
    mark = _MARKS.get(notification.severity, "🔵")
    notes = ["Possible repeat: vedette died while it told this."] if notification.repeat else []
    return _message(notification, f"{mark} {_headline(notification)}", notes)


def closed(notification: Notification) -> Message:
    """An alert that is over, in place of the message that told it, or where nothing told it."""
    return _message(notification, f"{_CLOSED} closed: {_headline(notification)}", [])


def closing(notification: Notification) -> Message:
    """A short word that an alert is over, where its message cannot be changed."""
    alert = notification.alert
    text = f"{_CLOSED} closed: {_headline(notification)}: {_times(alert.count)}, last {_seen(alert.last_seen)} UTC"
    return _wrapped(text, [{"type": "section", "text": _plain(text, LONGEST_FALLBACK)}])


def fit(text: str, most: int) -> str:
    """`text` as a text object may hold it, in at most `most` UTF-16 units, its end marked where it was cut.

    Never within an entity or a number: what is left of `&lt;` must not be an ampersand that stands for itself.
    """
    pieces = [slack(char) for char in text[: most + 1]]
    ends = list(accumulate(len(piece.encode("utf-16-le")) // 2 for piece in pieces))
    if not ends or ends[-1] <= most:
        return "".join(pieces)
    return "".join(pieces[: bisect_right(ends, most - 1)]) + "…"


def _message(notification: Notification, headline: str, notes: list[str]) -> Message:
    alert = notification.alert
    actor = alert.actor or "(nobody named)"
    if alert.via:
        actor += f" via {alert.via}"
    fields = [
        _field("Actor", actor, LONGEST_ACTOR),
        _field("Address", alert.address, LONGEST_FIELD),
        _field("Object", alert.object, LONGEST_OBJECT),
        _field("Outcome", f"{alert.outcome}, {_times(alert.count)}", LONGEST_FIELD),
        _field("Seen (UTC)", _span(alert.first_seen, alert.last_seen), LONGEST_FIELD),
    ]
    blocks: list[Message] = [
        {"type": "header", "text": _plain(headline, LONGEST_HEADER)},
        {"type": "section", "fields": [field for field in fields if field is not None]},
    ]
    if notification.first_step:
        blocks.append({"type": "section", "text": _plain(f"First: {notification.first_step}", LONGEST_STEP)})
    runbook = _link(notification.runbook_url)
    if runbook:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": runbook, "verbatim": True}})
    where = f"{alert.source} {alert.file}:{alert.line}".strip()
    context = [_plain(note, LONGEST_FIELD) for note in notes]
    if alert.why:
        context.append(_plain(alert.why, LONGEST_WHY))
    context.append(_plain(where, LONGEST_FIELD))
    blocks.append({"type": "context", "elements": context})
    who = f"{actor} from {alert.address}" if alert.address else actor
    what = f"{who} -> {alert.object}" if alert.object else who
    return _wrapped(f"{headline}: {what} ({_times(alert.count)})", blocks)


def _wrapped(text: str, blocks: list[Message]) -> Message:
    """`parse`, `link_names`, `mrkdwn`: the fallback text is no markup, and a bare @channel or #general stays text.
    chat.update would take `parse: client` where nothing is said."""
    return {
        "text": fit(text, LONGEST_FALLBACK),
        "blocks": blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _headline(notification: Notification) -> str:
    alert = notification.alert
    kind = _KINDS.get(alert.reaction, "")
    title = alert.title if alert.rule == alert.title else f"{alert.rule} {kind}{alert.title}"
    return f"{notification.severity} {title}"


def _plain(text: str, most: int) -> Message:
    """A plain_text object; an empty one would be refused."""
    return {"type": "plain_text", "text": fit(text, most) or "-", "emoji": False}


def _field(name: str, value: str, most: int) -> Message | None:
    """A field with its name on a line of its own; None where there is nothing to say."""
    return {"type": "plain_text", "text": f"{name}\n{fit(value, most)}", "emoji": False} if value else None


def _link(url: str) -> str:
    """The runbook as a mrkdwn link; nothing where the URL is none, or too long to be of use when cut."""
    # Within <url|name> these three would end it; a URL may have them as numbers.
    for char, number in _IN_URLS.items():
        url = url.replace(char, number)
    url = slack(link(url, LONGEST_URL))
    return f"<{url}|Runbook>" if 0 < len(url) <= LONGEST_URL else ""


def _times(count: int) -> str:
    return "1 act" if count == 1 else f"{count} acts"


def _seen(time_ns: int) -> str:
    return stamp(time_ns)[:19].replace("T", " ")


def _span(first: int, last: int) -> str:
    since, until = _seen(first), _seen(last)
    return since if since == until else f"{since} to {until}"
