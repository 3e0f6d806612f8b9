"""Commands to be pasted, and names out of logs in them: whatever a name is, it stays one word of one command."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.base import Refused
from vedette.actions.kube import create, delete, described, patch_node, patch_subjects, path_of, segment
from vedette.actions.kube_names import account_of

_SHELLS = ("bash", "dash")
_PRINT = 'kubectl() { for word in "$@"; do printf %s "$word" | od -An -v -tx1 | tr -d " \\n"; echo; done; cat >&2; }\n'
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=30),
    st.sampled_from(
        ["$(touch x)", "`id`", "a'b", "-rf", "a;b", "a\nb", "\x1b[2J", "!!", "~", "a b", '"', "\\", "--all", "\u202e"]
    ),
)


def words(command: str, shell: str = "bash") -> list[str]:
    """The arguments that kubectl gets from a real shell, in which kubectl is a function that prints them."""
    done = subprocess.run([shell, "-c", _PRINT + command], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return [bytes.fromhex(line).decode() for line in done.stdout.decode().splitlines()]


def binding(name: str, *actors: str) -> dict[str, Any]:
    """As a server would give it."""
    metadata = {"name": name, "uid": "u", "resourceVersion": "1"}
    return {
        "metadata": metadata,
        "roleRef": {"kind": "ClusterRole", "name": "x"},
        "subjects": [{"kind": "User", "name": one} for one in actors],
    }


@given(TEXTS, TEXTS)
def test_a_name_stays_one_word(name: str, actor: str) -> None:
    """Of what a shell hands on; the path leads to that object and no other."""
    name = name.replace("\x00", "_")
    try:
        segment("binding", name)
    except Refused:
        return
    path = path_of("clusterrolebindings", name)
    assert path.count("/") == 5
    assert described(path) == f"ClusterRoleBinding {name}"
    found = binding(name, actor, "bob")
    assert words(delete(path, found).command) == ["delete", f"clusterrolebindings/{name}"]
    patch = patch_subjects(path, found, found["subjects"][1:], found["subjects"][:1])
    got = words(patch.command)
    assert got[:4] == ["patch", f"clusterrolebindings/{name}", "--type=merge", "-p"]
    assert json.loads(got[4]) == patch.body


@pytest.mark.parametrize("shell", _SHELLS)
@pytest.mark.parametrize("name", ["$(touch x)", "a'b", 'a"b', "a b", "--all"])
def test_in_a_plain_shell_as_well(shell: str, name: str) -> None:
    """Names without invisible characters are quoted as POSIX has it."""
    path = path_of("rolebindings", name, "web")
    assert words(delete(path, binding(name)).command, shell) == ["-n", "web", "delete", f"rolebindings/{name}"]
    assert words(patch_node("n1", unschedulable=True).command, shell) == ["cordon", "n1"]


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_an_object_made_by_hand_is_the_same(labels: dict[str, str]) -> None:
    """It is piped into kubectl as JSON; printf gets it as one word, percent signs and backslashes included."""
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "app", "labels": labels}}
    command = create("/api/v1/namespaces/web/serviceaccounts", body).command
    done = subprocess.run(["bash", "-c", _PRINT + command], capture_output=True, check=True)
    assert json.loads(done.stderr) == body


@given(st.text(max_size=40))
def test_an_account_is_one_account(text: str) -> None:
    """Or no account: what is taken names a namespace and an account as Kubernetes has them."""
    try:
        found = account_of(text)
    except Refused:
        return
    assert account_of(str(found)) == found
    assert not set(str(found)) & set("/%?*\n \x00'\"")
