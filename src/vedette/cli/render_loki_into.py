"""`vedette render loki --into FOLDER`: the rule file where Loki's ruler reads it, if the whole folder would load."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vedette import app
from vedette.escape import terminal
from vedette.problem import Problem
from vedette.render.ruler_folder import RuleFile, read_folder, read_rule_file, write_file

if TYPE_CHECKING:
    from vedette.clients.loki_ruler import LokiRuler
    from vedette.settings import Settings

FILE = "vedette.yaml"
_INVALID = re.compile(r'"status":"invalid-query".*"error":"((?:[^"\\]|\\.)*)')
"""An answer of /format_query on a query that it cannot parse, with the reason; a long one is cut."""
_BROKEN = re.compile(r"error parsing (.+?): (?:\1: )?(.*)", re.DOTALL)
"""What Loki says of a folder that it does not load; the path is that of its own store."""


def write_into(folder: Path, text: str, *, loki: str, unchecked: bool, settings: Settings) -> int:
    """Write FOLDER/vedette.yaml and say so. Raises app.Wrong, with nothing written, where Loki would not load it all.

    `loki`: the URL of a Loki that judges the queries; else the program `loki` does. `unchecked`: do without both.
    """
    target = folder / FILE
    try:
        others = read_folder(folder, besides=FILE)
        if target.is_symlink() or (target.exists() and not target.is_file()):
            raise app.Wrong([f"{target}: is no file of its own; name the folder in which it really stands"])
        same = target.exists() and target.read_bytes() == text.encode()
    except OSError as error:
        raise app.Wrong([f"{error.filename or folder}: {error.strerror}; make the folder, or name another"]) from error
    ours = read_rule_file(str(target), text.encode())
    files = [*others, ours]
    _raise([problem for file in files for problem in file.problems])
    for file in others:
        if twice := sorted(set(file.groups) & set(ours.groups)):
            text = f"it has groups of the same names, and each alert will be told twice: {', '.join(twice)}"
            print(
                Problem(file.name, 0, 0, "", text, "remove it, if vedette wrote it once", error=False), file=sys.stderr
            )
    how = _judged(files, loki=loki, unchecked=unchecked or not others, settings=settings)
    try:
        if not same:
            write_file(folder, FILE, text)
    except OSError as error:
        raise app.Wrong([f"{target}: cannot be written: {error.strerror}; nothing was changed"]) from error
    became = "unchanged" if same else "written"
    counted = f"{_number(len(ours.groups), 'group')}; {_number(len(others), 'other file')}"
    print(f"{terminal(str(target))}: {became}, {counted}; {how}")
    return 0


def _number(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _raise(problems: Sequence[Problem]) -> None:
    """Print warnings. Raises app.Wrong for what is more."""
    for problem in problems:
        if not problem.error:
            print(problem, file=sys.stderr)
    wrong = [problem for problem in problems if problem.error]
    if wrong:
        raise app.Wrong([*wrong, "nothing was written: with one such file Loki loads no rule of the folder"])


def _judged(files: Sequence[RuleFile], *, loki: str, unchecked: bool, settings: Settings) -> str:
    """Who judged the queries, in words. Raises app.Wrong where somebody refused one, or nobody could be asked."""
    from vedette.clients.base import BadSecret, NoAnswer
    from vedette.clients.loki import LokiClient
    from vedette.clients.loki_ruler import LokiRuler
    from vedette.loki_process import LokiProcess, NoLoki, find_loki
    from vedette.settings.watching import LokiSource

    try:
        if loki:
            known = (one for one in settings.sources.loki if one.url.rstrip("/") == loki.rstrip("/"))
            source = next(known, LokiSource())
            client = LokiClient(loki, tenant=source.tenant, token_file=source.token_file, ca_file=source.ca_file)
            try:
                return _asked(LokiRuler(client), files, loki)
            finally:
                client.close()
        try:
            find_loki()
        except NoLoki:
            if unchecked:
                return "their queries were not checked by a Loki"
            number = sum(len(file.queries) for file in files[:-1])
            ways = "give --loki URL, put the program loki into PATH, or say --unchecked"
            said = f"nobody is here to check the queries of the folder's other files ({number}): {ways}"
            raise app.Wrong([said]) from None
        with LokiProcess({Path(file.name).name: file.data for file in files}) as process:
            client = LokiClient(process.url)
            try:
                _asked(LokiRuler(client), files, process.url)
                return _loaded(LokiRuler(client), files)
            finally:
                client.close()
    except (NoLoki, NoAnswer, BadSecret, ValueError) as error:
        raise app.Wrong([f"{loki or 'loki'}: {error}; nothing was checked, and nothing was written"]) from error


def _asked(ruler: LokiRuler, files: Sequence[RuleFile], url: str) -> str:
    """Each query parsed by a running Loki."""
    import msgspec

    from vedette.clients.loki import LokiRefused

    found = []
    for file in files:
        for query in file.queries:
            try:
                ruler.formatted(query.text)
            except LokiRefused as error:
                # Anything but 400 with a word on the query says nothing of the query.
                reason = _INVALID.search(error.words)
                if error.status != 400 or reason is None:
                    raise app.Wrong([f"{url}: {error}; nothing was checked, and nothing was written"]) from error
                found.append(query.problem(msgspec.json.decode(f'"{reason[1]}"', type=str)))
    _raise(found)
    return f"every query parsed by {terminal(url)}"


def _loaded(ruler: LokiRuler, files: Sequence[RuleFile]) -> str:
    """The whole folder loaded by a Loki of one's own: it sees what the reader does not."""
    from vedette.clients.loki import LokiRefused

    try:
        ruler.stored()
    except LokiRefused as error:
        # 404: no group at all, which is well.
        found = _BROKEN.search(error.words.strip())
        if found is not None:
            file = next((one.name for one in files if Path(one.name).name == Path(found[1]).name), found[1])
            reason = f"Loki does not load it: {found[2]}"
            _raise([Problem(file, 0, 0, "", reason, "mend it, or move it out of the folder")])
        if error.status != 404:
            raise app.Wrong([f"loki: {error}; nothing was written"]) from error
    return "a Loki started for it loads them all"
