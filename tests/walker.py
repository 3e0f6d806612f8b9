"""`vedette respond` on a terminal of its own, answered as a person would: read to a question, type an answer."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_SOURCE = str(Path(__file__).parents[1] / "src")
SECONDS = 60.0
"""That one step may take on a busy machine."""
Answer = str | Callable[[str], str]
"""What is typed; of a function, what it makes of all that was shown so far."""


class Stalled(Exception):
    """No question that was expected came; the message is all that was shown."""


def walk(words: Sequence[str], answers: Mapping[str, Answer], home: Path) -> tuple[int, str]:
    """Call `vedette WORDS` and answer each question by the first key that it holds; gives exit code and all it showed."""
    main, sub = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": _SOURCE,
        "HOME": str(home),
        "COLUMNS": "100",
        "NO_COLOR": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "vedette", *words], stdin=sub, stdout=sub, stderr=sub, env=environment, close_fds=True
    )
    os.close(sub)
    shown, answered, end = "", 0, time.monotonic() + SECONDS
    try:
        while True:
            ready, _, _ = select.select([main], [], [], 0.5)
            try:
                more = os.read(main, 65536).decode("utf-8", "replace") if ready else ""
            except OSError:
                break  # the other end was closed: it has ended
            shown += more
            question = shown[answered:].rsplit("\n", 1)[-1]
            if more:
                end = time.monotonic() + SECONDS
            elif (typed := _answer(question, answers, shown)) is not None:
                os.write(main, f"{typed}\n".encode())
                answered = len(shown)
            elif process.poll() is not None:
                break
            elif time.monotonic() > end:
                raise Stalled(shown)
    finally:
        if time.monotonic() > end:
            process.kill()
        os.close(main)
    return process.wait(timeout=SECONDS), shown.replace("\r\n", "\n")


def _answer(question: str, answers: Mapping[str, Answer], shown: str) -> str | None:
    if not question.strip():
        return None
    for key, answer in answers.items():
        if re.search(key, question):
            return answer if isinstance(answer, str) else answer(shown)
    return None
