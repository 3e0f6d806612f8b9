"""API server: what its flags and version do to the audit log, whatever the policy says.

Flags as `kube-apiserver --help` of 1.34.4 explains them; the eraser is kubernetes#139419, fixed in 1.37.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from vedette.formats.kube_flags import audit_flags
from vedette.problem import Problem
from vedette.yaml_text import YamlError, read_documents

_VERSION = re.compile(r"v?(\d{1,4})\.(\d{1,4})(?:[.+-].*)?\Z")
_MENDED = (1, 37)
"""The first version that loses no event of an apply in YAML."""
_CUT_AT = 102_400
"""Bytes of an event, where truncation is on and no limit is given."""


@dataclass(frozen=True, slots=True)
class ApiServer:
    """What is known of an API server; None: not given."""

    flags: Mapping[str, str] | None = None
    """Its `--audit-*` flags, without the dashes; a flag without a value is `true`."""
    version: tuple[int, int] | None = None
    file: str = ""
    """Where the flags were read."""

    @property
    def silent(self) -> tuple[str, str] | None:
        """(why nothing is written at all, the mend), or None."""
        if self.flags is None:
            return None
        if not self.flags.get("audit-policy-file"):
            mend = "--audit-policy-file=/etc/kubernetes/audit-policy.yaml"
            return f"{self.file} starts the API server without --audit-policy-file: nothing is written", mend
        if not any(self.flags.get(f"audit-{one}") for one in ("log-path", "webhook-config-file")):
            mend = "--audit-log-path=/var/log/kubernetes/audit/audit.log"
            why = f"{self.file} starts the API server with neither --audit-log-path nor --audit-webhook-config-file"
            return f"{why}: what is written goes nowhere", mend
        return None

    @property
    def cut_at(self) -> int | None:
        """Bytes above which an event loses its bodies on every way out, or None where one way has all."""
        if self.flags is None:
            return None
        limits = []
        for used, way in (("log-path", "log"), ("webhook-config-file", "webhook")):
            if self.flags.get(f"audit-{used}"):
                if not _on(self.flags.get(f"audit-{way}-truncate-enabled", "")):
                    return None
                size = self.flags.get(f"audit-{way}-truncate-max-event-size", "")
                limits.append(int(size) if size.isascii() and size.isdigit() else _CUT_AT)
        return max(limits, default=None)

    @property
    def loses_batches(self) -> tuple[str, str] | None:
        """(why an apply in YAML takes other events with it, the mend), or None.

        Seen on 1.34.4: the webhook writes a batch as one list, and an event that cannot be written costs them all. A
        webhook that cuts events measures each, and drops that one alone.
        """
        if self.flags is None or not self.erases or not self.flags.get("audit-webhook-config-file"):
            return None
        if self.flags.get("audit-log-path") or self.flags.get("audit-webhook-mode", "batch") != "batch":
            return None
        if _on(self.flags.get("audit-webhook-truncate-enabled", "")):
            return None
        why = f"by {self.file} the audit webhook does not cut events, so that an apply in YAML costs its whole batch"
        return f"{why} (before 1.37)", "--audit-webhook-truncate-enabled=true"

    @property
    def erases(self) -> bool:
        """True unless it is known to lose no event of an apply in YAML."""
        return self.version is None or self.version < _MENDED


def _on(said: str) -> bool:
    return said.lower() in ("true", "t", "1")


def read_version(text: str) -> tuple[int, int] | None:
    """(major, minor) of `1.34`, `v1.34.4`, `v1.34.4-eks-abc`; None for anything else."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found else None


def read_flags(data: bytes, file: str) -> dict[str, str] | tuple[Problem, ...]:
    """The `--audit-*` flags in a static manifest or in a command line, or what is wrong with the text."""
    try:
        documents = read_documents(data, file)
    except YamlError as error:
        return (error.problem,)
    body: object = [one.value for one in documents if one.value is not None]
    text = data.decode("utf-8", "replace")
    if "kube-apiserver" not in text and "--" not in text:
        return (Problem(file, 0, 0, "", "names no kube-apiserver and no flag", "give its static manifest"),)
    if not any(isinstance(one.value, dict) for one in documents):
        try:
            body = {"args": shlex.split(text, comments=True)}
        except ValueError as error:
            return (Problem(file, 0, 0, "", f"is no command line: {error}", "close the quotation mark"),)
    flags = {}
    for flag in audit_flags(body):
        name, has_value, value = flag.removeprefix("--").partition("=")
        flags[name] = value if has_value else "true"
    return flags
