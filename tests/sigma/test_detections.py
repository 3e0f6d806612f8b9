"""Log source, needs and grouping of a detection document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sigma.rulebook import LOGSOURCE, item, load_text, only_detection, refusal

REFUSED = [
    pytest.param(
        item("verb: get").replace("logsource: " + LOGSOURCE + "\n", "").replace("title", "➤title"),
        "there is no logsource",
        "add logsource: {product: kubernetes, service: audit}",
        id="no logsource",
    ),
    pytest.param(
        item("verb: get", logsource="{product: windows}").replace("logsource", "➤logsource"),
        "no format serves product: windows",
        (
            "known are product: kubernetes, service: audit; product: vault, service: audit; product: linux, "
            "service: sshd; product: vedette, service: observation"
        ),
        id="unserved logsource",
    ),
    pytest.param(
        item("verb: get", logsource="{product: kubernetes, service: audits}").replace("logsource", "➤logsource"),
        "no format serves product: kubernetes, service: audits",
        "did you mean product: kubernetes, service: audit?",
        id="alike logsource",
    ),
    pytest.param(
        item("verb: get", logsource="{product: kubernetes, ➤servise: audit, service: audit}"),
        "the key 'servise' is not known in logsource",
        "did you mean service?",
        id="unknown logsource key",
    ),
    pytest.param(
        item("verb: get", "vedette: {group_by: [actor, ➤user.name], needs: {fields: [verb]}}"),
        "kube_audit has no field 'user.name'",
        "did you mean user.username?",
        id="group_by unknown",
    ),
    pytest.param(
        item("verb: get", "vedette: {needs: {➤lvl: Metadata}}"),
        "the key 'lvl' is not known in needs",
        "did you mean level?",
        id="needs unknown",
    ),
    pytest.param(
        item("verb: get", "vedette: {needs: {level: ➤metadata}}"),
        "level must be one of Metadata, Request, RequestResponse, not 'metadata'",
        "did you mean Metadata?",
        id="needs level",
    ),
    pytest.param(
        item("verb: get", "vedette: {needs: {stages: [➤Done]}}"),
        "stages must be one of RequestReceived, ResponseStarted, ResponseComplete, Panic, not 'Done'",
        "write one of RequestReceived, ResponseStarted, ResponseComplete, Panic",
        id="needs stage",
    ),
    pytest.param(
        item("request.path: x", "vedette: {needs: {➤level: Metadata}}", logsource="{product: vault, service: audit}"),
        "vault_audit has no level",
        "remove level",
        id="needs level elsewhere",
    ),
    pytest.param(
        item("verb: get", "vedette: {needs: {fields: [➤objectRef.kind]}}"),
        "kube_audit has no field 'objectRef.kind'",
        "did you mean objectRef.uid?",
        id="needs field",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def test_a_category_may_stand_beside_product_and_service() -> None:
    """SigmaHQ's rules say `category: application` too; the definition is for people."""
    text = item("verb: get", logsource="{category: application, product: kubernetes, service: audit, definition: x}")
    assert only_detection(text).format == "kube_audit"


def test_a_document_of_ours_without_needs_is_warned_of() -> None:
    """A foreign rule has no vedette block and is left in peace."""
    loaded = load_text(item("verb: get", "vedette: {quiet_after: 5m}"))
    assert [(problem.error, problem.message) for problem in loaded.problems] == [
        (False, "the document does not say what it needs")
    ]
    assert not load_text(item("verb: get")).problems


def test_where_a_detection_stands() -> None:
    """A detection knows its file, its line and its schema."""
    detection = only_detection("# a comment\n\n" + item("verb: get"))
    assert (Path(detection.file).name, detection.line, detection.format) == ("rule.yml", 3, "kube_audit")
