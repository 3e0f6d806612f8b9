"""Filters, from files and from the settings."""

from __future__ import annotations

import pytest

from tests.sigma.rulebook import VAULT, a_filter, item, load_text, load_texts, node_of, only_rule, refusal, shown

REFUSED = [
    pytest.param(
        a_filter("rules: [➤K5]\nsel: {verb: get}\ncondition: not sel"),
        "there is no rule 'K5'",
        "known are the rules' names and ids",
        id="filter without rule",
    ),
    pytest.param(
        a_filter("sel: {verb: get}\ncondition: not sel").replace("filter:", "➤filter:"),
        "the filter names no rules",
        "add rules: [K5], or rules: any",
        id="filter no rules",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {verb: get}\ncondition: ➤sel"),
        "the filter's condition is not negated, so the rule would fire for these alone",
        "write not selection",
        id="filter not negated",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {verb: get}\ncondition: ➤not not sel"),
        "the filter's condition is not negated, so the rule would fire for these alone",
        "write not selection",
        id="filter twice negated",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {verb: get}\nb: {verb: a}\ncondition: ➤not sel and b"),
        "the filter's condition is not negated, so the rule would fire for these alone",
        "write not selection",
        id="filter half negated",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {➤vreb: get}\ncondition: not sel"),
        "kube_audit has no field 'vreb'",
        "did you mean verb?",
        id="filter unknown field",
    ),
    pytest.param(
        a_filter(
            "rules: [rule]\nsel: {request.path: get}\ncondition: not sel",
            "➤logsource: {product: vault, service: audit}",
        ),
        "the filter's logsource is that of no document of rule",
        "name the rule's own",
        id="filter elsewhere",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {verb: get}\ncondition: not sel", "description: x").replace(
            "title: F", "➤title: F"
        ),
        "there is no logsource",
        "add logsource: {product: kubernetes, service: audit}",
        id="filter no logsource",
    ),
    pytest.param(
        a_filter("rules: [rule]\nsel: {verb: get}\ncondition: not sel").replace("title: F", "title: F\n➤fliter: x"),
        "the key 'fliter' is not known",
        "did you mean filter?",
        id="filter unknown key",
    ),
]


@pytest.mark.parametrize(("text", "message", "mend"), REFUSED)
def test_refused_with_place_and_mend(text: str, message: str, mend: str) -> None:
    """Each mistake is refused once, under its caret, with the mend."""
    assert refusal(text) == (message, mend)


def of_settings(
    selection: dict[str, object], rules: object = None, condition: str = "not selection"
) -> dict[str, object]:
    """A filter as the settings make it."""
    body = {"rules": rules or ["rule"], "selection": selection, "condition": condition}
    return {"title": "automation (vedette.yaml:7)", "filter": body}


TWO = item("verb: get", "name: rule") + VAULT


def test_a_filter_is_anded_into_the_detection() -> None:
    """From a file, beside the rule."""
    text = a_filter("rules: [rule]\nselection: {actor|cased: 'system:*'}\ncondition: not selection")
    assert shown(node_of(text)) == "(sel:(verb = get) & F:(!selection:(user/username == system:*)))"


def test_filters_of_the_settings_need_no_logsource() -> None:
    """They hold for every document whose schema has their fields."""
    rule = only_rule(TWO, [of_settings({"actor": "a"}), of_settings({"namespace": "b"})])
    kube, vault = (shown(each.node) for each in rule.detections)
    named = "automation (vedette.yaml:7)"
    both = f"{named}:(!selection:(user/username = a)) & {named}:(!selection:(objectRef/namespace = b))"
    assert kube == f"(sel:(verb = get) & {both})"
    both = f"{named}:(!selection:(actor = a)) & {named}:(!selection:(request/namespace/path = b))"
    assert vault == f"(sel:(request/operation = read) & {both})"


def test_a_document_whose_schema_lacks_the_field_is_passed_over() -> None:
    """`verb` means nothing in Vault, so only the kube document is filtered."""
    kube, vault = only_rule(TWO, [of_settings({"verb": "a"})]).detections
    assert "selection" in shown(kube.node)
    assert shown(vault.node) == "sel:(request/operation = read)"


def test_a_filter_that_no_document_can_take_is_refused() -> None:
    """The title says which entry of the settings it was."""
    loaded = load_text(TWO, [of_settings({"verbs": "a"})])
    assert str(loaded.problems[0]) == (
        "automation (vedette.yaml:7): error: kube_audit has no field 'verbs'\n  mend: did you mean verb?"
    )


@pytest.mark.parametrize("rules", ["any", ["rule", "rule.vault"], ["rule"], ["7f2b0b42-8f2e-4c0f-9a53-6a4f5d1f5a11"]])
def test_rules_are_named_by_any_name(rules: object) -> None:
    """A rule's name means all of its documents, an id or a dotted name its own."""
    text = TWO.replace("name: rule.vault", "name: rule.vault\nid: 7f2b0b42-8f2e-4c0f-9a53-6a4f5d1f5a11")
    _, vault = only_rule(text, [of_settings({"actor": "a"}, rules)]).detections
    assert "selection" in shown(vault.node)


def test_a_dotted_name_means_its_document_alone() -> None:
    """The rule's other document stays as it is."""
    kube, vault = only_rule(TWO, [of_settings({"actor": "a"}, ["rule.vault"])]).detections
    assert ("selection" in shown(kube.node), "selection" in shown(vault.node)) == (False, True)


def test_the_order_of_files_does_not_matter() -> None:
    """A filter may come before its rule."""
    rule, _, exception = a_filter("rules: [rule]\ns: {actor: a}\ncondition: not s").partition("---\n")
    trees = []
    for names in (("a.yml", "b.yml"), ("b.yml", "a.yml")):
        loaded = load_texts({names[0]: rule, names[1]: exception})
        assert not loaded.problems
        trees.append(shown(loaded.rules[0].detections[0].node))
    assert trees[0] == trees[1] == "(sel:(verb = get) & F:(!s:(user/username = a)))"


def test_a_filter_of_a_rule_that_was_refused_is_not_blamed() -> None:
    """One mistake is told once."""
    loaded = load_text(TWO.replace("verb", "vreb"), [of_settings({"actor": "a"})])
    assert [problem.message for problem in loaded.problems] == ["kube_audit has no field 'vreb'"]
    unread = load_text(TWO + "a: a", [of_settings({"actor": "a"})])
    assert len(unread.problems) == 1


def test_a_filter_with_many_mistakes_is_not_taken_for_none() -> None:
    """More mistakes than are told must not make it pass unseen."""
    loaded = load_text(TWO, [of_settings({f"verb|{at}": "a" for at in range(200)})])
    assert loaded.problems
    assert all(problem.error for problem in loaded.problems)
