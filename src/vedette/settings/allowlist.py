"""The trusted networks as Terraform has them: `security_source_ip_allowlist` of a .tfvars or .tfvars.json file."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vedette.problem import Problem
from vedette.yaml_text import Document

VARIABLE = "security_source_ip_allowlist"
"""The variable that holds the list."""
_MAX_BYTES = 4_000_000
"""A hundred thousand networks; more is no allowlist."""


class NotAnAllowlist(ValueError):
    """A file that gives no list of networks; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Allowlist:
    """The list, and where each network stands."""

    networks: tuple[str, ...]
    document: Document
    """The networks at `("networks", "allowlist", index)`, so that checks point into Terraform's file."""


def read_allowlist(path: Path, name: str) -> Allowlist:
    """The list of the file at `path`, called `name` in messages. Raises NotAnAllowlist."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise NotAnAllowlist(Problem(name, 0, 0, "", f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise NotAnAllowlist(Problem(name, 0, 0, "", "is not UTF-8")) from error
    if len(data) > _MAX_BYTES:
        raise NotAnAllowlist(Problem(name, 0, 0, "", f"is larger than {_MAX_BYTES // 1_000_000} MB"))
    lines = text.splitlines()
    if path.name.endswith(".json"):
        variables = _json(text, name, lines)
    elif path.name.endswith(".tfvars"):
        variables = _hcl(text, name, lines)
    else:
        mend = "give a file whose name ends in .tfvars or .tfvars.json"
        raise NotAnAllowlist(Problem(name, 0, 0, "", "is no file of Terraform variables", mend))
    return _allowlist(variables, name, lines)


def _json(text: str, name: str, lines: Sequence[str]) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotAnAllowlist(_at(name, lines, error.lineno, error.colno, f"not JSON: {error.msg}")) from error
    except RecursionError as error:
        raise NotAnAllowlist(Problem(name, 0, 0, "", "nested too deep")) from error


def _hcl(text: str, name: str, lines: Sequence[str]) -> Any:
    try:
        hcl2 = importlib.import_module("hcl2")
    except ImportError as error:
        message = "reading a .tfvars file needs the package python-hcl2"
        mend = "pip install 'vedette[hcl]', or give a .tfvars.json file, which needs nothing"
        raise NotAnAllowlist(Problem(name, 0, 0, "", message, mend)) from error
    try:
        return hcl2.loads(text + "\n")
    except RecursionError as error:
        raise NotAnAllowlist(Problem(name, 0, 0, "", "nested too deep")) from error
    except Exception as error:  # the parser's own exceptions differ from version to version
        line, column = getattr(error, "line", 0), getattr(error, "column", 0)
        line, column = (line, column) if isinstance(line, int) and isinstance(column, int) and line > 0 else (0, 0)
        mend = "terraform fmt names what is wrong"
        raise NotAnAllowlist(_at(name, lines, line, column, "not HCL: it does not follow the grammar", mend)) from error


def _allowlist(variables: Any, name: str, lines: Sequence[str]) -> Allowlist:
    """The variable's texts, each with the place where it was found again in the text."""
    if not isinstance(variables, dict) or VARIABLE not in variables:
        message = f"sets no variable {VARIABLE}"
        raise NotAnAllowlist(Problem(name, 0, 0, "", message, f'add {VARIABLE} = ["10.0.20.0/22"]'))
    line, column = _find(lines, VARIABLE, 1, 1) or (0, 0)
    values = variables[VARIABLE]
    if not isinstance(values, list):
        message = f"{VARIABLE} must be a list of networks written out"
        mend = "expressions, variables and maps are Terraform's to evaluate; write the networks here"
        raise NotAnAllowlist(_at(name, lines, line, column, message, mend))
    document = Document(name, {}, lines)
    networks = []
    for index, value in enumerate(values):
        bare = _unquoted(value)
        if bare is None:
            message = f"{VARIABLE}[{index}] must be a network written out, not {str(value)[:60]!r}"
            raise NotAnAllowlist(_at(name, lines, line, column, message, "write a network such as 10.0.20.0/22"))
        found = _find(lines, f'"{bare}"', line, column)
        line, column = found or (line, column)
        document.values["networks", "allowlist", index] = (line, column)
        networks.append(bare)
    return Allowlist(tuple(networks), document)


def _unquoted(value: object) -> str | None:
    """The text without the quotes that some versions of the parser keep; None for what is no plain text."""
    if not isinstance(value, str) or "${" in value:
        return None
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def _find(lines: Sequence[str], text: str, line: int, column: int) -> tuple[int, int] | None:
    """Where `text` stands next, from (line, column) on."""
    for number in range(max(line, 1), len(lines) + 1):
        at = lines[number - 1].find(text, column - 1 if number == line else 0)
        if at >= 0:
            return number, at + 1
    return None


def _at(name: str, lines: Sequence[str], line: int, column: int, message: str, mend: str = "") -> Problem:
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(name, line, column, text, message, mend)
