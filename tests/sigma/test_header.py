"""What a document says of itself."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import LOGSOURCE, item, load_text, only_detection, only_rule, refusal
from vedette.event import Outcome
from vedette.rule import PLAIN, STANDARD, Needs, Reaction, Severity
from vedette.sigma.refusal import MAX_PROBLEMS

REFUSED = [
    pytest.param(
        item("verb: get", "➤falsepositves: [none]"),
        "the key 'falsepositves' is not known",
        "did you mean falsepositives?",
        id="unknown key",
    ),
    pytest.param(
        item("verb: get", "➤zzz: 1"),
        "the key 'zzz' is not known",
        (
            "known are title, id, name, related, taxonomy, status, description, date, modified, level, license, "
            "author, regression_tests_path, references, tags, falsepositives, fields, scope, detection, "
            "correlation, filter, logsource, sigma-version, simulation, vedette"
        ),
        id="unknown key without a likeness",
    ),
    pytest.param(
        item("verb: get").replace("title: A rule\n", "").replace("logsource", "➤logsource", 1),
        "there is no title",
        "add title: …",
        id="no title",
    ),
    pytest.param(
        item("verb: get").replace("title: A rule", "title: ➤''"),
        "title is empty",
        "fill it, or remove the key",
        id="empty title",
    ),
    pytest.param(
        item("verb: get").replace("title: A rule", "title: ➤12"),
        "title must be a text, not a number",
        "put it in quotes",
        id="title no text",
    ),
    pytest.param(
        item("verb: get").replace("title: A rule", "title: ➤" + "x" * 257),
        "the title has more than 256 characters",
        "shorten it",
        id="long title",
    ),
    pytest.param("➤- a\n- b\n", "a rule is a map of keys, not a list", "begin with title: …", id="no map"),
    pytest.param(
        "➤title: A rule\nlogsource: " + LOGSOURCE + "\nlevel: low\n",
        "there is no detection",
        "add detection:, with a condition",
        id="no detection",
    ),
    pytest.param(
        "title: A rule\nlogsource: " + LOGSOURCE + "\nlevel: low\n➤detection: {}\n",
        "detection is empty",
        "fill it, or remove the key",
        id="empty detection",
    ),
    pytest.param(item("verb: get", "id: ➤K5"), "the id is no UUID", "make one with uuidgen", id="bad id"),
    pytest.param(
        item("verb: get", "name: ➤K 5"),
        "a name is made of letters, digits, _ and -, with dots between",
        "write K5, or K5.deletes for a further document of K5",
        id="bad name",
    ),
    pytest.param(
        item("verb: get").replace("level: medium", "level: ➤hihg"),
        "level must be one of critical, high, medium, low, informational, not 'hihg'",
        "did you mean high?",
        id="unknown level",
    ),
    pytest.param(
        item("verb: get", "status: ➤stabel"),
        "status must be one of stable, test, experimental, deprecated, unsupported, not 'stabel'",
        "did you mean stable?",
        id="unknown status",
    ),
    pytest.param(
        item("verb: get", "status: ➤unsupported"),
        "its author says that this rule does not work",
        "mend it first",
        id="unsupported status",
    ),
    pytest.param(item("verb: get", "taxonomy: ➤ecs"), "only the taxonomy sigma is read", "remove it", id="taxonomy"),
    pytest.param(
        item("verb: get", "sigma-version: ➤4"), "the version 4 of Sigma is not known", "write 3", id="sigma version"
    ),
    pytest.param(
        item("verb: get", "tags: ➤attack.t1552"),
        "tags must be a list, not a text",
        "write [attack.t1552]",
        id="tags no list",
    ),
    pytest.param(
        item("verb: get", "➤filter: {rules: any, sel: {verb: get}, condition: not sel}"),
        "detection and filter stand in one document",
        "put --- between them, each with its own title",
        id="detection and filter",
    ),
    pytest.param(
        item("verb: get", "vedette: {➤group_bye: [actor], needs: {fields: [verb]}}"),
        "the key 'group_bye' is not known in vedette",
        "did you mean group_by?",
        id="unknown vedette key",
    ),
    pytest.param(
        item("verb: get", "vedette: {outcomes: {➤don: fire}, needs: {fields: [verb]}}"),
        "there is no outcome 'don'",
        "did you mean done?",
        id="bad outcome",
    ),
    pytest.param(
        item("verb: get", "vedette: {outcomes: {done: ➤fir}, needs: {fields: [verb]}}"),
        "done must be one of fire, attempt, ignore, cannot_tell, not 'fir'",
        "did you mean fire?",
        id="bad reaction",
    ),
    pytest.param(
        item("verb: get", "vedette: {outcomes: ➤standart, needs: {fields: [verb]}}"),
        "outcomes is standard or a map",
        "write standard, or {done: fire, refused: attempt, failed: ignore, unknown: cannot_tell}",
        id="outcomes a text",
    ),
    pytest.param(
        item(
            "verb: get",
            "vedette: {➤outcomes: {done: ignore, refused: ignore, unknown: ignore}, needs: {fields: [verb]}}",
        ),
        "every outcome is ignored, so the rule can never fire",
        "let done: fire",
        id="all ignored",
    ),
    pytest.param(
        item("verb: get", "vedette: {quiet_after: ➤60, needs: {fields: [verb]}}"),
        "quiet_after is a number with its unit",
        "write 90s, 10m or 1h",
        id="quiet_after without unit",
    ),
    pytest.param(
        item("verb: get", "vedette: {quiet_after: ➤900h, needs: {fields: [verb]}}"),
        "quiet_after must be more than 0 and at most 168h",
        "write 168h",
        id="quiet_after too long",
    ),
    pytest.param(
        item("verb: get", "vedette: {alerts: ➤no, needs: {fields: [verb]}}"),
        "alerts is true or false, not a text",
        "write alerts: false",
        id="alerts no bool",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_the_words_of_a_rule_are_kept() -> None:
    """Title, level, description, tags, references and falsepositives reach the rule."""
    rule = only_rule(
        item(
            "verb: get",
            "id: 7F2B0B42-8f2e-4c0f-9a53-6a4f5d1f5a11",
            "description: '  What it is. '",
            "tags: [attack.t1552]",
            "references: [https://example.org]",
            "falsepositives: [backups]",
            "date: 2026-01-31",
            "status: test",
        )
    )
    assert (rule.title, rule.severity, rule.description) == ("A rule", Severity.WARNING, "What it is.")
    assert (rule.tags, rule.references) == (("attack.t1552",), ("https://example.org",))
    assert rule.falsepositives == ("backups",)
    assert rule.detections[0].id == "7f2b0b42-8f2e-4c0f-9a53-6a4f5d1f5a11"


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("high", Severity.CRITICAL),
        ("medium", Severity.WARNING),
        ("low", Severity.INFO),
        ("informational", Severity.INFO),
    ],
)
def test_levels_map_onto_severities(level: str, severity: Severity) -> None:
    """Sigma's five levels are three severities."""
    assert only_rule(item("verb: get").replace("medium", level)).severity is severity


def test_what_is_odd_but_works_is_a_warning() -> None:
    """A rule without a level, with a strange date or a deprecated status is loaded, and the reader is told."""
    text = item("verb: get", "date: 31.1.2026", "status: deprecated").replace("level: medium\n", "")
    loaded = load_text(text)
    assert [rule.severity for rule in loaded.rules] == [Severity.WARNING]
    assert [(problem.error, problem.message) for problem in loaded.problems] == [
        (False, "there is no level; it is read as medium"),
        (False, "date is no date"),
        (False, "the rule is deprecated"),
    ]


def test_the_vedette_block() -> None:
    """Outcomes, quiet time, grouping, blind spots and second sources reach the noun."""
    block = """vedette:
  outcomes: standard
  quiet_after: 90m
  group_by: [actor, sourceIPs]
  blind_spots: [one]
  second_sources: []
  needs: {level: Metadata, stages: [ResponseComplete], fields: [verb]}"""
    rule = only_rule(item("verb: get", block))
    (detection,) = rule.detections
    assert (detection.outcomes, detection.quiet_after) == (STANDARD, 5_400)
    assert [path.steps for path in detection.group_by] == [("user", "username"), ("sourceIPs",)]
    assert (rule.blind_spots, rule.second_sources) == (("one",), ())
    assert rule.needs == (Needs("kube_audit", "Metadata", ("ResponseComplete",), ("verb",)),)


def test_outcomes_that_are_not_named_keep_their_standard() -> None:
    """A map of outcomes says what differs from the standard; a rule without the key fires on all."""
    needs = "needs: {fields: [verb]}"
    detection = only_detection(item("verb: get", f"vedette: {{outcomes: {{refused: fire}}, {needs}}}"))
    assert detection.outcomes == {**STANDARD, Outcome.REFUSED: Reaction.FIRE}
    assert only_detection(item("verb: get")).outcomes == PLAIN


def test_a_document_of_mistakes_is_cut_short() -> None:
    """Fifty mistakes are told, not a hundred thousand."""
    text = item("verb: get", *(f"key{at}: 1" for at in range(5_000)))
    assert len(load_text(text).problems) == MAX_PROBLEMS
