"""Problem: something wrong in a text a person wrote, with the place and the mend."""

from __future__ import annotations

from dataclasses import dataclass

from vedette.escape import terminal

_WIDTH = 160
"""How much of a source line is shown; a minified file must not fill the screen."""

_LONGEST = 600
"""How much of a message is shown; a name in it may be as long as the file."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding in a rule or settings file; `str()` is what a person reads."""

    file: str
    line: int
    """From 1; 0 where no line can be named."""
    column: int
    """From 1, in characters."""
    text: str
    """The source line, without its end."""
    message: str
    """What is wrong, in one clause."""
    mend: str = ""
    """What to write instead, or nothing."""
    error: bool = True
    """False: a warning."""

    def __str__(self) -> str:
        r"""`file:line:column: error: message`, the line, a caret under the column, and the mend."""
        where = terminal(self.file)
        if self.line:
            where += f":{self.line}:{self.column}"
        shown = [f"{where}: {'error' if self.error else 'warning'}: {terminal(self.message, _LONGEST)}"]
        if self.line and self.text.strip():
            shown += self._excerpt()
        if self.mend:
            shown.append(f"  mend: {terminal(self.mend, _LONGEST)}")
        return "\n".join(shown)

    def _excerpt(self) -> list[str]:
        """The source line and the caret, cut to a width around the column."""
        at = min(max(self.column - 1, 0), len(self.text))
        start = max(0, at - _WIDTH // 2) if len(self.text) > _WIDTH else 0
        # A hostile or wide character is shown as its escape, so the caret is placed after what is shown, not counted.
        before = terminal(self.text[start:at].replace("\t", " "))
        after = terminal(self.text[at : start + _WIDTH].replace("\t", " "))
        return [f"  {before}{after}", f"  {' ' * len(before)}^"]
