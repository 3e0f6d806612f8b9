"""The client of Slack gives what was posted, or Slack's own word for why it was not."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.loopback import Reply
from lab.slack import CHANNEL, TOKEN, slack_server

from vedette.clients.base import BadSecret
from vedette.clients.slack import IncomingWebhook, Refused, Slack


def test_a_good_token_is_told_from_a_bad_one(tmp_path: Path) -> None:
    """auth.test asks nothing of a channel; a new token in the file counts at once."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    with slack_server() as server:
        client = Slack(str(path), api_url=server.api_url + "/")
        client.auth_test()
        path.write_text("xoxb-another")
        with pytest.raises(Refused, match="invalid_auth"):
            client.auth_test()
        path.unlink()
        with pytest.raises(BadSecret):
            client.auth_test()
        client.close()
        assert server.calls() == ["/api/auth.test"] * 2


def test_a_posted_message_can_be_changed(tmp_path: Path) -> None:
    """What `post` gives is what `update` asks for."""
    path = tmp_path / "token"
    path.write_text(TOKEN)
    message = {"text": "a", "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False}
    with slack_server() as server:
        client = Slack(str(path), api_url=server.api_url)
        posted = client.post({**message, "channel": "#alerts", "blocks": []})
        assert posted.channel == CHANNEL
        assert client.update({**message, "text": "b", "blocks": [], **posted._asdict()}) == posted
        assert server.messages[posted.ts]["text"] == "b"
        with pytest.raises(Refused, match="message_not_found"):
            client.update({**message, "blocks": [], "channel": CHANNEL, "ts": "1.0"})
        client.close()


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [(404, b"no_service", "no_service"), (404, b"no_service\n", "no_service"), (403, b"<!channel>", ""), (500, b"", ""),
     (400, b"No Text", ""), (400, b"x" * 65, ""), (400, b"xoxb-1234", ""), (200, b"okay", "okay")],
)  # fmt: skip
def test_only_a_word_is_passed_on(tmp_path: Path, status: int, body: bytes, word: str) -> None:
    """What does not look like a word of Slack's may be anything, a secret included."""
    path = tmp_path / "url"
    with slack_server() as server:
        path.write_text(server.hook_url)
        server.answer = Reply(status, body)
        client = IncomingWebhook(str(path))
        with pytest.raises(Refused) as caught:
            client.post({"text": "a"})
        client.close()
    assert (str(caught.value), caught.value.answer.status) == (word, status)
