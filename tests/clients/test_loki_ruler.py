"""What Loki's ruler answers, read."""

from __future__ import annotations

import pytest
from lab.loopback import Asked, Reply, serving

from vedette.clients.base import NoAnswer
from vedette.clients.loki import LokiClient, LokiRefused
from vedette.clients.loki_ruler import LokiRuler, limits_of


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1w", 604800.0),
        ("10m0s", 600.0),
        ("30d1h", 2595600.0),
        ("500ms", 0.5),
        ("1m0.5s", 60.5),
        ("0s", 0.0),
        ("0", 0.0),
        (0, 0.0),
        ("", None),
        ("soon", None),
        ("5m!", None),
        (None, None),
        ([1], None),
    ],
)
def test_spans_are_gos_and_prometheus(text: object, seconds: float | None) -> None:
    """What is neither is not known."""
    assert limits_of({"query_timeout": text}).query_timeout == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256KB", 262144),
        ("1MB", 1048576),
        ("2000B", 2000),
        ("63KiB1023B", 65535),
        ("0B", 0),
        (500, 500),
        ("1.5MB", 1572864),
        ("", None),
        ("big", None),
        ("1 MB", None),
        (None, None),
        (True, None),
    ],
)
def test_sizes_count_by_1024(text: object, size: int | None) -> None:
    """As Loki writes them."""
    assert limits_of({"max_line_size": text}).max_line_size == size


def ruler(url: str) -> LokiRuler:
    """It, without a tenant."""
    return LokiRuler(LokiClient(url, timeout=5))


BOMB = b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nlimits_config: *c\n"


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"{", b"\xff\xfe", b"a: b: c", b"[" * 5000, BOMB])
def test_answers_that_are_none_of_lokis(body: bytes) -> None:
    """Each says so, and nothing is taken from it."""
    with serving(Reply(body=body)) as server:
        asked = ruler(server.url)
        for call in (asked.loaded, asked.metrics, asked.config, lambda: asked.formatted("q")):
            with pytest.raises(NoAnswer):
                call()


def test_no_folder_for_a_tenant_is_nothing_stored() -> None:
    """A ruler of local files answers 400 for it as for a broken one."""
    words = b"unable to read rule dir /rules/other: open /rules/other: no such file or directory\n"
    with serving(Reply(400, words)) as server, pytest.raises(LokiRefused) as found:
        ruler(server.url).stored()
    assert found.value.status == 404


def test_a_tenants_own_limits_lie_over_the_rest() -> None:
    """As far as Loki tells them; where it does not, what holds for all is taken."""
    settings = (
        b"ruler: {alertmanager_url: 'http://a:9093, http://b:9093', storage: {local: {directory: ''}}}\n"
        b"ruler_storage: {local: {directory: /rules}}\ncompactor: {retention_enabled: true}\n"
        b"limits_config: {max_line_size: 256KB, max_query_series: 500}\n"
    )

    def answer(asked: Asked) -> Reply:
        if asked.path == "/config/tenant/v1/limits":
            own = asked.headers.get("x-scope-orgid") == "ops"
            return Reply(body=b"max_query_series: 50\n") if own else Reply(404)
        return Reply(body=settings)

    with serving(answer) as server:
        own = LokiRuler(LokiClient(server.url, tenant="ops")).config()
        rest = ruler(server.url).config()
    assert (own.limits.max_line_size, own.limits.max_query_series) == (262144, 50)
    assert rest.limits.max_query_series == 500
    assert (own.alertmanagers, own.directory) == (("http://a:9093", "http://b:9093"), "/rules")
    assert own.retention_enabled


def test_numbers_that_are_none_are_left_out() -> None:
    """A summary that has seen nothing is NaN, and nothing of other systems is kept."""
    text = '# TYPE x gauge\nloki_ruler_a NaN\nloki_ruler_b{user="a"} 2\nloki_ruler_c +Inf\ngo_threads 3\n'
    with serving(Reply(body=text.encode())) as server:
        found = ruler(server.url).metrics()
    assert [(one.name, dict(one.labels), one.value) for one in found] == [("loki_ruler_b", {"user": "a"}, 2.0)]
