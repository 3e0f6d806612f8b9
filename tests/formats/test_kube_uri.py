"""The URI is the client's own text, decoded as the servers on the way would."""

from __future__ import annotations

import pytest

from vedette.formats.kube_uri import asks_dry_run, dry_run, path_of, proxied


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/a", False),
        ("/a?dryRun=All", True),
        ("/a?x=1&dryRun=All&y", True),
        ("/a?dryRun=%41ll", True),
        ("/a?dry%52un=All", True),
        ("/a?dryRun=all", False),
        ("/a?" + "&" * 9_999 + "dryRun=All", True),
        ("/a?" + "&" * 10_000 + "dryRun=All", False),
        ("/a?DryRun=All", False),
        ("/a?dryRun=", False),
        ("/a?dryRun=All;x=1", False),
        ("/a?notdryRun=All", False),
        ("/a?x=dryRun=All", False),
        ("/dryRun=All", False),
        ("", False),
    ],
)
def test_a_dry_run_is_asked_for_in_the_query(uri: str, expected: bool) -> None:
    """Decoded as the server does, and only in the one spelling that it takes."""
    assert asks_dry_run(uri) is expected


@pytest.mark.parametrize(
    ("verb", "subresource", "uri", "body", "known", "expected"),
    [
        ("patch", "", "/a?dryRun=All", {}, True, True),
        ("delete", "", "/a?dryRun=All", {"dryRun": []}, True, False),
        ("deletecollection", "", "/a?dryRun=All", {}, True, False),
        ("delete", "", "/a", {"dryRun": ["All"]}, True, True),
        ("delete", "", "/a", {"dryRun": "All"}, True, False),
        ("delete", "", "/a?dryRun=All", None, True, True),
        ("delete", "", "/a?dryRun=All", None, False, None),
        ("delete", "", "/a", None, False, False),
        ("create", "eviction", "/a", {"deleteOptions": {"dryRun": ["All"]}}, True, True),
        ("create", "eviction", "/a?dryRun=All", {"deleteOptions": {}}, True, True),
        ("create", "eviction", "/a", {"deleteOptions": None}, True, False),
        ("create", "", "/a", {"deleteOptions": {"dryRun": ["All"]}}, True, False),
    ],
)
def test_where_a_dry_run_counts(
    verb: str, subresource: str, uri: str, body: object, known: bool, expected: bool | None
) -> None:
    """Deletes take it from their body if there is one, evictions from either place, all else from the query."""
    assert dry_run(verb, subresource, uri, body, body_known=known) is expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/api/v1/nodes/n/proxy/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/run/ns/p/c?cmd=id", ("run/ns/p/c", "run", "ns")),
        ("/api/v1/nodes/n/proxy/attach/ns", ("attach/ns", "attach", "ns")),
        ("/api/v1/nodes/n/proxy/portForward/ns/p", ("portForward/ns/p", "portForward", "ns")),
        ("/api/v1/nodes/n/proxy/cri/exec/token", ("cri/exec/token", "cri", "")),
        ("/api/v1/nodes/n/proxy/exec", ("exec", "exec", "")),
        ("/api/v1/nodes/n/proxy/metrics", ("metrics", "metrics", "")),
        ("/api/v1/nodes/n/proxy/", ("", "", "")),
        ("/api/v1/nodes/n/proxy", ("", "", "")),
        ("/api/v1/nodes/https:n:10250/proxy/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/https%3An%3A10250/proxy/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/%65%78%65%63/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/%2565xec/n%2573/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/x/../exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/x/%2e%2e/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy//./exec//ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/../../exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/exec%2Fns%2Fp%2Fc", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/n/proxy/exec/ns/p%3Fx=1", ("exec/ns/p", "exec", "ns")),
        ("/api/v1/nodes/n/pr%6Fxy/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/nodes/proxy/proxy/exec/ns/p/c", ("exec/ns/p/c", "exec", "ns")),
        ("/api/v1/namespaces/ns/pods/proxy/proxy/a/b", ("a/b", "a", "")),
        ("/api/v1/namespaces/ns/services/http:s:80/proxy/admin", ("admin", "admin", "")),
        ("/api/v1/nodes/n/proxy/EXEC/ns/p/c", ("EXEC/ns/p/c", "EXEC", "")),
        ("/api/v1/nodes/n/proxy/\u00e9%ff", ("\u00e9\ufffd", "\u00e9\ufffd", "")),
    ],
)
def test_a_proxied_path_is_found(uri: str, expected: tuple[str, str, str]) -> None:
    """Percent signs in any number of layers, dots and doubled slashes hide no exec."""
    assert proxied(uri) == expected


@pytest.mark.parametrize(
    "uri", ["", "/", "/api/v1/nodes", "/api/v1/nodes/n/status", "/api/v1/namespaces/ns/pods/p/log"]
)
def test_other_paths_are_not_proxied(uri: str) -> None:
    """Only the subresource proxy has a path behind it."""
    assert proxied(uri) is None


def test_a_path_is_decoded_once() -> None:
    """As the API server itself does."""
    assert path_of("/a%2fb%2525?c") == "/a/b%25"
