"""The least rights of the actions on a host: one program there, and a line of sudoers that lets its verbs through."""

from __future__ import annotations

from collections.abc import Sequence

from vedette.actions.host import script

PROGRAM = "/usr/local/sbin/vedette-host"
VERBS: dict[str, tuple[str, ...]] = {
    "host.remove-key": ("account", "read_keys", "cut_out", "put_back"),
    "host.end-sessions": ("account", "sessions", "end_sessions"),
    "host.collect": ("account", "collect", "hashes"),
}
"""Action -> the verbs of host.sh that it asks for."""
_POWERFUL = {
    "put_back": "put_back lets the account write a key into any user's file, root's too: guard it like root",
    "cut_out": "cut_out lets it take any user's keys",
    "read_keys": "read_keys shows it any file",
    "end_sessions": "end_sessions lets it end anybody's sessions",
}


def installer(names: Sequence[str]) -> str:
    """A script that root runs on the host; it is checked by visudo before it holds. Raises KeyError."""
    verbs = list(dict.fromkeys(verb for name in names for verb in VERBS[name]))
    warned = "".join(f"# {said}.\n" for verb, said in _POWERFUL.items() if verb in verbs)
    allowed = ", ".join(f"{PROGRAM} {verb}" for verb in verbs)
    return f"""\
# What vedette needs on a host for {", ".join(names)}, undo included, and nothing more. Once, as root there:
#   vedette action rights NAME… | ssh root@HOST sh -s ACCOUNT
# ACCOUNT, which is there already, is whom vedette logs in as; else vedette. In its authorized_keys:
#   restrict ssh-ed25519 AAAA…
# In the settings: {{name: …, destination: ACCOUNT@HOST, sudo: true, program: {PROGRAM}}}
{warned}set -eu
account=${{1:-vedette}}
id -u "$account" >/dev/null
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
cat >"$new/program" <<'END_OF_PROGRAM'
#!/bin/sh
# Made by `vedette action rights`. In: VERB, and nothing behind it, so that sudoers can name it whole; a word a line.
unset VEDETTE_PART
[ $# -eq 1 ] || exit 2
while IFS= read -r word; do set -- "$@" "$word"; done
VEDETTE=$(sed '1,/^exit$/d' "$0")
export VEDETTE
exec sh -c "$VEDETTE" vedette "$@"
exit
{script()}END_OF_PROGRAM
printf '%s\\n' "$account ALL=(root) NOPASSWD: {allowed}" >"$new/sudoers"
visudo -c -q -f "$new/sudoers"
install -o root -g root -m 755 "$new/program" {PROGRAM}
install -o root -g root -m 440 "$new/sudoers" /etc/sudoers.d/vedette-host
"""
