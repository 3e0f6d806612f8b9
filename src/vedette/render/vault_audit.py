"""What a Vault or OpenBao must be told so that its log shows who did what: two audit devices, and whose word on a
client's address it may take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

SYSLOG = "syslog"
"""In place of the second file: the system's log."""


class BadPath(ValueError):
    """A path that Vault would take for another, or that is no path."""


def vault_devices(first: str, second: str) -> str:
    """Commands for a shell that enable two audit devices; `first` and `second` are files, or SYSLOG. Raises BadPath."""
    if first == second:
        raise BadPath("both devices write to the same place; the second is there for when the first cannot be written")
    lines = [
        "# Two audit devices: Vault answers no request that it cannot write to at least one of them.",
        "# No filter, exclude or fallback: what they drop no rule sees (vedette prove). No log_raw: tokens and secrets",
        "# would stand in the log; even log_raw=false is left unsaid, for rule V2 cannot tell it from true.",
        "# Rule V2 fires on each of these commands; that is its drill. Rotate with SIGHUP, not by copying.",
    ]
    for name, where in (("vedette", first), ("vedette-second", second)):
        if where == SYSLOG:
            lines.append(f"vault audit enable -path={name} syslog tag=vault facility=AUTH")
            continue
        if not where.startswith("/") or any(ord(letter) < 32 for letter in where):
            raise BadPath(f"{where!r}: an absolute path is needed, without control characters")
        lines.append(f"vault audit enable -path={name} file {shlex.quote('file_path=' + where)} mode=0600")
    return "\n".join(lines) + "\n"


def vault_listener(proxies: Sequence[str], *, hops: int) -> str:
    """Lines of HCL for `listener "tcp"`: whose X-Forwarded-For is believed. `proxies`: networks; `hops`: further
    proxies between them and the client."""
    said = ", ".join(json.dumps(one) for one in proxies)
    return (
        "  # Whoever connects from here may name any address as the client's: list the proxy, not its whole network.\n"
        "  # Vault takes the last address of X-Forwarded-For, less those that are skipped; V4 and V7 judge by it.\n"
        f"  x_forwarded_for_authorized_addrs = [{said}]\n"
        f"  x_forwarded_for_hop_skips = {hops}\n"
        "  # Requests without the header, such as a node's own, go on.\n"
        "  x_forwarded_for_reject_not_present = false\n"
    )
