"""A line of 100 MB costs that line, whatever is in it, and no more memory than is promised."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_MEASURE = """
import json, resource, sys
from tests.formats.reading import formats, kube, line, projections
from vedette.formats.base import Unreadable
from vedette.formats.reader import Reader

size = 100 << 20
chunk = bytearray(line(kube("a")) + b"\\n")
begin, filling, end = (part.encode() for part in json.loads(sys.argv[1]))
chunk += begin
chunk += filling * (size // len(filling))
chunk += end + b"\\n" + line(kube("b")) + b"\\n"
chunk = bytes(chunk)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kinds = formats()
reader = Reader(kinds, projections(kinds), lambda *one: None)
batches = reader.feed(chunk) + reader.finish()
ids = []
for batch in batches:
    for index in range(len(batch.records)):
        try:
            ids.append(kinds[batch.format].read(batch.locate(index)[0]).fields["auditID"])
        except Unreadable as reason:
            ids.append(str(reason))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([ids, dict(reader.tally.quarantined), reader.tally.balanced(), before // 1024, peak // 1024]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="ru_maxrss is in kilobytes on Linux alone")
@pytest.mark.parametrize(
    ("begin", "filling", "end", "ids", "quarantined"),
    [
        ("", "x", "", ["a", "b"], {"line too long": 1}),
        ("", "[", "", ["a", "b"], {"line too long": 1}),
        ('{"a":[', '"x",', "", ["a", "b"], {"line too long": 1}),
        ('{"log":"', "\\u00e9", '","stream":"s","time":"t"}', ["a", "b"], {"line too long": 1}),
        ('{"auditID":"c","stage":"s","verb":"v","requestObject":[', "1,", "1]}", ["a", "record too long", "b"], {}),
    ],
    ids=["text", "brackets", "cut", "wrapped", "record"],
)
def test_a_line_of_100_mb_costs_that_line(
    root: Path, begin: str, filling: str, end: str, ids: list[str], quarantined: dict[str, int]
) -> None:
    """The records around it are read, it is told by reason, and memory stays below 400 MB with the line itself."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, json.dumps([begin, filling, end])],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{root / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    found, refused, balanced, before, peak = json.loads(done.stdout)
    assert (found, refused, balanced) == (ids, quarantined, True)
    assert peak < 400
    assert peak - before < 150
