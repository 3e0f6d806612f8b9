"""Check the changelog fragments in this folder; with `--release VERSION` move them into CHANGELOG.md."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CHANGELOG = FOLDER.parent / "CHANGELOG.md"
KINDS = ("added", "changed", "fixed", "removed", "security")
_NAME = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*\.({'|'.join(KINDS)})\.md")
_SENTENCES = 3
_OWN = {"README.md", "check.py", "__pycache__"}


def fragments(folder: Path) -> list[Path]:
    """The fragments of `folder`, in name order."""
    return sorted(path for path in folder.iterdir() if path.name not in _OWN)


def problems(folder: Path) -> list[str]:
    """What is wrong with the fragments of `folder`, a line each with the mend."""
    found: list[str] = []
    for path in fragments(folder):
        where = f"{path.parent.name}/{path.name}"
        if not _NAME.fullmatch(path.name):
            found.append(f"{where}: name it <a-few-words>.<kind>.md in lower case; kind is one of {', '.join(KINDS)}")
            continue
        text = path.read_text("utf-8").strip()
        if not text or not text.endswith("."):
            found.append(f"{where}: write sentences, each with its full stop")
        if re.search(r"^\s*([#*-]|\d+\.)\s", text, re.MULTILINE):
            found.append(f"{where}: no headings and no lists; split it into several fragments")
        if len(re.findall(r"\.(\s|$)", text)) > _SENTENCES:
            found.append(f"{where}: at most {_SENTENCES} sentences")
    return found


def release(folder: Path, changelog: Path, version: str, day: datetime.date) -> None:
    """Write the fragments of `folder` as `version` at the top of `changelog`'s releases, and remove them."""
    lines = [f"## {version} ({day.isoformat()})", ""]
    for kind in KINDS:
        texts = [" ".join(path.read_text("utf-8").split()) for path in fragments(folder) if f".{kind}." in path.name]
        if texts:
            lines += [f"### {kind.capitalize()}", "", *(f"- {text}" for text in texts), ""]
    head, mark, rest = changelog.read_text("utf-8").partition("<!-- releases -->\n")
    changelog.write_text(head + mark + "\n" + "\n".join(lines) + rest, "utf-8")
    for path in fragments(folder):
        path.unlink()


def main() -> int:
    """Returns 0 when all is well, 1 when a fragment is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", metavar="VERSION", help="move all fragments into CHANGELOG.md")
    arguments = parser.parse_args()
    found = problems(FOLDER)
    for problem in found:
        print(problem, file=sys.stderr)
    if found:
        return 1
    if arguments.release:
        release(FOLDER, CHANGELOG, arguments.release, datetime.datetime.now(tz=datetime.UTC).date())
    else:
        print(f"changelog: {len(fragments(FOLDER))} fragments, all well formed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
