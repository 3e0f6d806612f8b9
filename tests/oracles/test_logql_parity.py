"""Loki's own LogQL, as a library, says of a line what vedette's engine says: generated rules, generated lines.

Where the two cannot be equal, `tests/parity/differences.py` says how that is recognised, and why.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from oracles.logql import BadQuery, Oracle, program  # noqa: E402
from tests.parity.differences import KINDS, names  # noqa: E402
from tests.parity.generated_lines import kube_event, lines_near, recorded  # noqa: E402
from tests.parity.generated_rules import RuleMaker, loaded, with_outcomes  # noqa: E402
from tests.parity.judging import Judged, Judges  # noqa: E402
from tests.scans import SETTINGS  # noqa: E402

from vedette import app  # noqa: E402
from vedette.cases import cases_of  # noqa: E402
from vedette.escape import logql  # noqa: E402
from vedette.formats import FORMATS  # noqa: E402
from vedette.network import Networks  # noqa: E402
from vedette.render.differences import DIFFERENCES  # noqa: E402
from vedette.rule import Detection, FieldPath, Op, Regex, Severity, Test, Text, Wild  # noqa: E402

pytestmark = pytest.mark.oracle
CASES = {"kube_audit": 9_000, "vault_audit": 8_000, "sshd": 4_500}
"""Generated ones, at least."""
A_RULE = 40
"""Lines that a generated rule judges."""
OF_THE_PACK = 150
"""Generated lines that a rule of the pack judges."""
EXPLAINED = 0.03
"""Share of the cases that may differ in an explained way: the lines are much odder than any log's."""


@pytest.fixture(scope="module")
def oracle() -> Iterator[Oracle]:
    """The program, running, or a reason to skip."""
    binary = program()
    if binary is None:
        pytest.skip("no logql-oracle among the built parts (lab/parts/build.sh loki FOLDER logql-oracle)")
    with Oracle(binary) as running:
        yield running


def seeded(what: str) -> random.Random:
    """The same chance each time, unless a search is wanted."""
    return random.Random(what if os.environ.get("HYPOTHESIS_PROFILE", "steady") == "steady" else None)


def checked(found: Judged, cases: int, least: int) -> None:
    """Fail on a difference that no kind explains, and where too little was told for the rest to mean anything."""
    print(found.shown())  # noqa: T201 # the counts belong to the result (pytest -rP)
    assert found.faults == [], f"{len(found.faults)} unexplained:\n" + "\n".join(found.faults[:5])
    assert found.cases >= cases
    assert sum(found.kinds.values()) <= found.cases * EXPLAINED
    assert all(found.told[reaction] >= least for reaction in ("fire", "attempt", "cannot_tell"))


@pytest.mark.parametrize("name", CASES)
def test_generated_rules_on_generated_lines(oracle: Oracle, tmp_path: Path, name: str) -> None:
    """Every operator and modifier, on lines that are nearly those of the logs, and on broken ones."""
    chance, judges, found = seeded(name), Judges(oracle), Judged()
    form, number = FORMATS[name](), 0
    while found.cases < CASES[name]:
        documents, bases = [], []
        for at in range(50):
            bases.append(chance.choice(recorded(name)))
            documents.append(RuleMaker(chance, form.read(bases[-1])).document(at))
        for detection in loaded(tmp_path / str(number), documents):
            at = int(detection.title.split()[1])
            lines = lines_near(chance, name, bases[at], sorted(names(detection.node)), A_RULE)
            judges.judge(with_outcomes(chance, detection), lines, found, metric=at % 4 == 0)
        number += 1
    checked(found, CASES[name], 40)
    assert found.rules >= CASES[name] / A_RULE


def test_rules_of_the_pack_on_generated_lines(oracle: Oracle) -> None:
    """The pack under the settings of the cases."""
    chance, judges, found = seeded("pack"), Judges(oracle), Judged()
    for rule in app.load_rules(app.load_settings(str(SETTINGS)), unproven=True).rules:
        for detection in rule.detections:
            if detection.alerts and detection.format in CASES:
                own = [line for case in cases_of(rule) for line in case.lines.splitlines() if 0 < len(line) < 20_000]
                keys = sorted(names(detection.node))
                lines = [
                    line
                    for _ in range(OF_THE_PACK // 10)
                    for line in lines_near(chance, detection.format, chance.choice(own), keys, 10)
                ]
                judges.judge(detection, lines, found)
    checked(found, 19 * OF_THE_PACK, 10)
    assert found.rules >= 19


texts = st.one_of(
    st.text(max_size=12),
    st.text('KkSs\u017f\u0131İIißẞÀà\u03c3ςΣǅ\x80\x85\xa0ÿ `"\\{}\x00\x1f\u2028', max_size=6),
    st.sampled_from(
        ("", "*", "?", "true", "7", "\ud800", "\U000e0001", "\U0010ffff", "\ufffd", "\ufeff", "$1", "${1}")
    ),
)


def value_of(text: str, form: int) -> Text | Regex:
    """A rule's value made of `text`: whole, with wildcards around, or as a pattern."""
    inner = (text,) if text else ()
    parts: tuple[tuple[str | Wild, ...], ...] = (
        inner,
        (*inner, Wild.MANY),
        (Wild.MANY, *inner),
        (Wild.MANY, *inner, Wild.MANY),
        (Wild.ONE, *inner, Wild.MANY),
    )
    return Text(parts[form])


@given(
    said=st.lists(texts, min_size=30, max_size=60, unique=True),
    form=st.integers(0, 4),
    cased=st.booleans(),
    data=st.data(),
)
@settings(max_examples=40)
def test_any_text_is_compared_alike(oracle: Oracle, said: list[str], form: int, cased: bool, data: Any) -> None:
    """Whatever characters stand in the rule and in the line, in the rule's own texts and in labels."""
    chosen = data.draw(st.lists(st.sampled_from(said), min_size=1, max_size=3))
    values = tuple(value_of(text.encode("utf-8", "replace").decode(), form) for text in chosen)
    node = Test(FieldPath("userAgent", ("userAgent",)), Op.EQUALS, values, cased=cased)
    found = Judged()
    lines = [kube_event(userAgent=text, user={"username": text}) for text in said]
    Judges(oracle).judge(Detection("X", "id", "A title", Severity.WARNING, "kube_audit", node), lines, found)
    assert found.faults == []
    assert found.cases == len(said) or found.refused


addresses = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(network="10.0.16.0/20").map(str),
    st.ip_addresses(network="2001:db8::/29").map(str),
    st.ip_addresses(v=4).map(lambda one: f"::ffff:{one}"),
    st.ip_addresses(v=6).map(lambda one: one.exploded.upper()),
)
around = st.sampled_from(
    ("{}", "{}", "{}", " {}\t", "[{}]", "[{}]:443", "{}:22", "{}%eth0", "{}%25x", "{}.", "{}x", "0{}", "[{}")
)


@given(listed=st.lists(st.lists(st.builds(str.format, around, addresses), max_size=10), min_size=30, max_size=60))
@settings(max_examples=20)
def test_any_address_is_inside_alike(oracle: Oracle, listed: list[list[str]]) -> None:
    """In every notation; a list of several counts as the engine counts it."""
    networks = Networks.of(
        ["10.0.20.0/22", "2001:db8::/31", "::1/128", "::ffff:172.16.0.0/108", "128.0.0.0/1", "8000::/1"]
    )
    node = Test(FieldPath("clientIPs", ("clientIPs",)), Op.INNET, (networks,))
    found = Judged()
    lines = [kube_event(sourceIPs=one) for one in listed]
    Judges(oracle).judge(Detection("X", "id", "A title", Severity.WARNING, "kube_audit", node), lines, found)
    assert found.faults == []
    assert found.cases == len(listed)


_sayable = st.characters(codec="utf-8", exclude_characters="\ufffd")


@given(text=st.text(st.one_of(_sayable, st.characters(max_codepoint=0xFF)), min_size=1))
def test_any_text_is_itself_in_a_selector(oracle: Oracle, text: str) -> None:
    """Loki reads what `escape.logql` writes; a label with U+FFFD it cannot answer with."""
    found = oracle.ask([f'{{job="{logql(text)}"}} |= "x"'], [b"x"])
    assert found == [[{"job": text}]]


def test_a_query_that_loki_refuses_is_an_answer(oracle: Oracle) -> None:
    """And what is asked after it is answered."""
    with pytest.raises(BadQuery, match="parse error"):
        oracle.ask(["{job="], [b"x"])
    assert oracle.ask(['{job="a"} |= "x"'], [b"x", b"\xff", b""]) == [[{"job": "a"}, None, None]]


def test_a_fault_in_a_query_is_seen(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kinds of difference explain no fault away: with AND for OR, few rules of the pack agree."""
    from tests.parity import verdicts

    right = verdicts.on_loki

    def faulty(oracle: Oracle, queries: Any, lines: Any, *, metric: bool) -> Any:
        import dataclasses

        changed = [dataclasses.replace(one, logs=one.logs.replace(":= sub 2", ":= sub 1")) for one in queries]
        return right(oracle, changed, lines, metric=metric)

    monkeypatch.setattr("tests.parity.judging.on_loki", faulty)
    rule = next(
        one for one in app.load_rules(app.load_settings(str(SETTINGS)), unproven=True).rules if one.name == "K4"
    )
    found, chance = Judged(), seeded("fault")
    detection = next(one for one in rule.detections if one.alerts)
    Judges(oracle).judge(detection, lines_near(chance, "kube_audit", recorded("kube_audit")[0], ["user"], 200), found)
    assert found.faults


def test_each_kind_of_difference_is_on_the_page() -> None:
    """What explains a difference here is what docs/reference/loki.md tells people, and nothing else is."""
    assert KINDS.keys() == DIFFERENCES.keys()
