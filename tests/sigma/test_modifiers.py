"""Modifiers: known, refused by name, and which go together."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import item, node_of, refusal, shown
from vedette.sigma.modifiers import KNOWN
from vedette.sigma.modifiers import REFUSED as REFUSED_BY_NAME

REFUSED = [
    pytest.param(item("verb|➤casd: get"), "there is no modifier 'casd'", "did you mean cased?", id="unknown modifier"),
    pytest.param(
        item("verb➤|: get"),
        "a modifier is missing after |",
        (
            "known are all, cased, cidr, contains, endswith, exists, expand, fieldref, gt, gte, i, innet, lt, "
            "lte, m, neq, re, s, startswith, subsetof"
        ),
        id="empty modifier",
    ),
    pytest.param(item("verb|cased|➤cased: get"), "the modifier cased stands twice", "remove one", id="modifier twice"),
    pytest.param(
        item("verb|➤base64: get"),
        "the modifier base64 is not read",
        "audit logs hold no encoded command lines; write the text as the log has it",
        id="base64",
    ),
    pytest.param(
        item("verb|➤base64offset|contains: get"),
        "the modifier base64offset is not read",
        "audit logs hold no encoded command lines; write the text as the log has it",
        id="base64offset",
    ),
    pytest.param(
        item("verb|➤wide: get"),
        "the modifier wide is not read",
        "audit logs hold no encoded command lines; write the text as the log has it",
        id="wide",
    ),
    pytest.param(
        item("verb|➤utf16: get"),
        "the modifier utf16 is not read",
        "audit logs hold no encoded command lines; write the text as the log has it",
        id="utf16",
    ),
    pytest.param(
        item("verb|contains|➤windash: get"),
        "the modifier windash is for Windows command lines",
        "remove it",
        id="windash",
    ),
    pytest.param(
        item("stageTimestamp|➤minute: 1"),
        "the modifier minute is not read",
        "the hour of an event says little of who did it; vedette compares no dates",
        id="minute",
    ),
    pytest.param(
        item("stageTimestamp|➤hour: 1"),
        "the modifier hour is not read",
        "the hour of an event says little of who did it; vedette compares no dates",
        id="hour",
    ),
    pytest.param(item("verb|➤i: get"), "the modifier i needs re before it", "write |re|i", id="flag without re"),
    pytest.param(
        item("verb|re|➤cased: get"),
        "re and cased do not go together",
        "a pattern is case-sensitive already; |re|i is not",
        id="re and cased",
    ),
    pytest.param(
        item("verb|➤contains|re: get"),
        "re and contains do not go together",
        "a pattern is searched for anywhere already",
        id="re and contains",
    ),
    pytest.param(
        item("verb|re|➤expand: '%owner%'"),
        "re and expand do not go together",
        "use startswith, endswith or contains with |expand instead of a pattern",
        id="re and expand",
    ),
    pytest.param(
        item("sourceIPs|cidr|➤expand: '%lan%'"),
        "cidr and expand do not go together",
        "a named list of networks is written |innet: its_name",
        id="cidr and expand",
    ),
    pytest.param(
        item("verb|exists|➤neq: true"), "exists and neq do not go together", "write exists: false", id="exists and neq"
    ),
    pytest.param(item("responseStatus.code|gt|➤neq: 1"), "gt and neq do not go together", "write lte", id="gt and neq"),
    pytest.param(
        item("responseStatus.code|gt|➤lt: 1"), "gt and lt do not go together", "remove lt or gt", id="gt and lt"
    ),
    pytest.param(
        item("verb|contains|➤startswith: g"),
        "contains and startswith do not go together",
        "write wildcards: 'begin*end'",
        id="contains and startswith",
    ),
    pytest.param(
        item("verb|➤all|contains: get"), "all needs a list of two values or more", "remove all", id="all with one value"
    ),
    pytest.param(
        item("verb|➤all|contains: [get]"),
        "all needs a list of two values or more",
        "remove all",
        id="all with a list of one",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_the_order_of_modifiers_is_free() -> None:
    """cased|startswith|expand is startswith|expand|cased."""
    one = node_of(item("actor|cased|startswith|expand: '%owner%'"))
    other = node_of(item("actor|expand|startswith|cased: '%owner%'"))
    assert shown(one) == shown(other) == "sel:(user/username == me@example.org*)"


def test_every_modifier_is_known_or_refused_with_a_reason() -> None:
    """None stands in both lists, and every reason has its mend."""
    assert not KNOWN & set(REFUSED_BY_NAME)
    assert all(why and mend for why, mend in REFUSED_BY_NAME.values())
