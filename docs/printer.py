"""Print docs/reference and docs/rules from the code; with `--check` only say which of them are stale.

A page printed here is never edited by hand: `make docs` writes it, `make check` compares it.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pages import cli, dead_rules, fields, loki, rules, settings
from vedette.app import Wrong

DOCS = Path(__file__).resolve().parent
PAGES: Mapping[str, Callable[[], str]] = {
    "reference/cli.md": cli.page,
    "reference/dead-rules.md": dead_rules.page,
    "reference/fields.md": fields.page,
    "reference/loki.md": loki.page,
    "reference/rules.md": rules.page,
    "reference/settings.md": settings.page,
}
"""Page -> what prints it."""
SHOWN = 20
"""Lines of difference shown for a stale page."""


def printed() -> dict[str, str]:
    """Every page by its path under docs/, as the code has it now."""
    return {**{path: page() for path, page in PAGES.items()}, **rules.runbooks()}


def stale(pages: Mapping[str, str]) -> Iterator[str]:
    """For each page that differs from its file, or that nothing prints any more: its path, and the difference."""
    for path, text in pages.items():
        file = DOCS / path
        held = file.read_text("utf-8") if file.is_file() else ""
        if held != text:
            difference = difflib.unified_diff(held.splitlines(), text.splitlines(), path, "the code", lineterm="", n=0)
            yield "\n".join([f"docs/{path} is stale", *list(difference)[:SHOWN]])
    for folder in ("reference", "rules"):
        for file in sorted((DOCS / folder).glob("*")):
            if f"{folder}/{file.name}" not in pages:
                yield f"docs/{folder}/{file.name} is printed by nothing; remove it"


def write(pages: Mapping[str, str]) -> None:
    """Write every page, and remove what is printed by nothing."""
    for folder in ("reference", "rules"):
        (DOCS / folder).mkdir(exist_ok=True)
        for file in (DOCS / folder).glob("*"):
            if f"{folder}/{file.name}" not in pages:
                file.unlink()
    for path, text in pages.items():
        (DOCS / path).write_text(text, "utf-8")


def main() -> int:
    """Returns 0 when all is well, 1 when a page is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a page is stale")
    arguments = parser.parse_args()
    try:
        pages = printed()
    except Wrong as error:
        print(error, file=sys.stderr)
        return 1
    if not arguments.check:
        write(pages)
        print(f"docs: {len(pages)} pages printed")
        return 0
    found = list(stale(pages))
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        print("run `make docs` and commit what it printed", file=sys.stderr)
        return 1
    print(f"docs: {len(pages)} pages as the code has them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
