"""authorized_keys, as ssh-keygen and sshd read it, and byte for byte what is left of it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.host_keys import at_the_end, back_in, is_fingerprint, keys, named, octal, without

KEYS = [
    b"ssh-ed25519 "
    + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + hashlib.sha256(bytes([number])).digest())
    for number in range(3)
]
LINES = st.one_of(
    st.sampled_from(KEYS),
    st.tuples(
        st.sampled_from(
            [
                b"",
                b" ",
                b"\t",
                b"# ",
                b"no-pty ",
                b'command="a \\" b # c" ',
                b'from="*",cert-authority\t',
                b'environment="X=ssh-rsa AAAA" ',
                b'open="',
            ]
        ),
        st.sampled_from(KEYS),
        st.sampled_from([b"", b" me@host", b" a b ", b"\r", b" \xff", b" comment\r", b"x", b"="]),
    ).map(b"".join),
    st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")),
    st.sampled_from([b"", b"\r", b"ssh-ed25519", b"ssh-ed25519 AAAA", b"ssh-rsa " + KEYS[0][12:], b"\x00"]),
)
FILES = st.tuples(st.lists(LINES, max_size=8), st.booleans()).map(
    lambda drawn: b"\n".join(drawn[0]) + (b"\n" if drawn[1] else b"")
)


def made(content: bytes, pieces: list[str]) -> bytes:
    """What the host makes of pieces, as host.sh has it."""
    found = b""
    for piece in pieces:
        if piece.startswith("+"):
            found += bytes(int(one, 8) for one in piece[1:].split("\\")[1:])
        else:
            start, count = map(int, piece.split(":"))
            found += content[start : start + count]
    return found


@given(FILES, st.sampled_from(KEYS))
def test_exactly_one_key_goes_and_comes_back(content: bytes, key: bytes) -> None:
    """The lines that have it and no other byte; the pieces make the same file; at its place it is as it was."""
    every = list(keys(content))
    assert all(content[one.start : one.start + len(one.line)] == one.line for one in every)
    gone = [one for one in every if one.blob == base64.b64decode(key.split()[1])]
    left, pieces = without(content, gone)
    assert made(content, pieces) == left
    assert len(left) == len(content) - sum(len(one.line) for one in gone)
    assert [one.blob for one in keys(left)] == [one.blob for one in every if one not in gone]
    lines = [(one.start, one.line) for one in gone]
    back, pieces = back_in(left, lines)
    assert (back, made(left, pieces)) == (content, content)
    end, pieces = at_the_end(left, [line for _, line in lines])
    assert made(left, pieces) == end
    assert {one.blob for one in keys(end)} == {one.blob for one in every}


@given(st.binary(max_size=50))
def test_new_bytes_are_octal(data: bytes) -> None:
    """Nothing in them is anything to printf; a real one makes them again."""
    assert set(octal(data)) <= set("+\\01234567")
    done = subprocess.run(["sh", "-c", 'printf "$1"', "sh", octal(data)[1:]], capture_output=True, check=True)
    assert done.stdout == data


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path, kind: str) -> None:
    """In both forms, of each kind."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True, capture_output=True)
    (key,) = keys(path.with_suffix(".pub").read_bytes())
    for form, ours in (("sha256", key.sha256), ("md5", key.md5)):
        said = subprocess.run(
            ["ssh-keygen", "-l", "-E", form, "-f", str(path)], check=True, capture_output=True, text=True
        )
        assert said.stdout.split()[1] == ours
        assert is_fingerprint(ours) == ours
        assert named([key], ours) == [key]


def test_the_lines_are_those_that_ssh_keygen_lists(tmp_path: Path) -> None:
    """Options with quotes, blanks and escapes before a key, comments, nonsense, CRLF: the same keys in the same order."""
    content = b"\n".join(
        [
            b"# " + KEYS[0],
            b"   " + KEYS[0] + b" indented",
            b'command="echo \\"ssh-rsa AAAA\\"",no-pty ' + KEYS[1] + b" two",
            b"nonsense",
            b"ssh-ed25519 AAAA",
            b'from="a b",permitopen="x:1"\t' + KEYS[2] + b"\r",
            b"cert-authority " + KEYS[0],
            b"",
        ]
    )
    path = tmp_path / "authorized_keys"
    path.write_bytes(content)
    said = subprocess.run(["ssh-keygen", "-lf", str(path)], check=True, capture_output=True, text=True).stdout
    assert [one.sha256 for one in keys(content)] == [line.split()[1] for line in said.splitlines()]
    assert [one.authority for one in keys(content)] == [False, False, False, True]


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "SHA256:" + "a" * 42, "SHA256:" + "a" * 43 + "=", "MD5:1:2", "sha256:x", "x"]
)
def test_what_is_no_fingerprint(text: str) -> None:
    """Not whole, or not one."""
    assert is_fingerprint(text) == ""
