"""host.remove-key on a real sshd."""

from __future__ import annotations

from tests.actions.host_site import Host, HostSite


def test_a_key_goes_and_comes_back(node: HostSite, host: Host) -> None:
    """Its holder is let in before and after, and not between; everything else in the file stays as it is."""
    user = host.user()
    (key, line, fingerprint), (other, kept, _) = host.key("mallory@laptop"), host.key("dev")
    content = f'# people\r\n\n{kept}from="10.0.0.0/8,127.0.0.1" {line}no newline at the end, no key'
    path = host.give(user, content)
    assert host.enters(user, key)
    plan = node.plan("host.remove-key", fingerprint, f"user={user}")
    assert any("mallory@laptop" in one for one in plan["breaks"])
    node.do("apply")
    gone = f'from="10.0.0.0/8,127.0.0.1" {line}'
    assert path.read_bytes() == content.replace(gone, "").encode()
    assert (host.enters(user, key), host.enters(user, other)) == (False, True)
    assert node.holds() == [True]
    node.do("undo")
    assert path.read_bytes() == content.encode()
    assert host.enters(user, key)
    assert node.holds() == [False]
