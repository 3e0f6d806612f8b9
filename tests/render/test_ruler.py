"""The rule file: valid YAML, names as the watcher gives them, nothing of a rule's text loose in it."""

from __future__ import annotations

import dataclasses

import yaml

from tests.render.test_logql import HOSTILE, pack
from vedette.render.logql_rule import render_rule
from vedette.render.ruler import groups_file, queries_text
from vedette.rule import Rule


def rendered(*rules: Rule) -> str:
    """The file of some rules."""
    return groups_file(
        [(rule, render_rule(rule, ())) for rule in rules], cluster="home", runbook=lambda rule: f"https://x/{rule}.md"
    )


def test_alerts_are_named_and_labelled_as_the_watcher_does() -> None:
    """Severity one down for an attempt, the runbook's link, actor and object by the series' labels."""
    document = yaml.safe_load(rendered(pack()["K3"]))
    fire, attempt, undecided = document["groups"][0]["rules"]
    assert [one["alert"] for one in (fire, attempt, undecided)] == [
        "VedetteK3",
        "VedetteK3Attempt",
        "VedetteK3CannotTell",
    ]
    assert fire["labels"] == {
        "severity": "critical",
        "rule_id": "K3",
        "document": "K3",
        "source": "kube_audit",
        "cluster": "home",
    }
    assert attempt["labels"]["severity"] == "warning"
    assert fire["annotations"]["runbook_url"] == "https://x/K3.md"
    assert fire["annotations"]["actor"] == "{{ $labels.actor }}"
    assert attempt["annotations"]["summary"].startswith("attempt: ")
    assert fire["for"] == "0s"


def test_a_count_is_looked_at_longer_by_the_interval() -> None:
    """60 s are 65 in the file, every 5: no burst within the timespan lies between two evaluations."""
    document = yaml.safe_load(rendered(pack()["K5"], pack()["V5"]))
    counts = {group["name"]: group for group in document["groups"] if group["name"].endswith("-counts")}
    assert set(counts) == {"vedette-K5-counts", "vedette-V5-counts"}
    for group in counts.values():
        assert group["interval"] == "5s"
        assert all(" [65s])" in rule["expr"] for rule in group["rules"])
    assert "# not here: K5.unproven: " in rendered(pack()["K5"])


def test_a_hostile_title_is_one_scalar_and_no_template() -> None:
    """Braces in it are no action of the annotation."""
    rule = pack()["K3"]
    odd = dataclasses.replace(rule.detections[0], title=HOSTILE.replace("\ud800", "") + "' : #")
    document = yaml.safe_load(rendered(dataclasses.replace(rule, detections=(odd,), description=HOSTILE[:20])))
    summary = document["groups"][0]["rules"][0]["annotations"]["summary"]
    assert '{{"{{"}} $x }}' in summary
    assert summary.replace('{{"{{"}}', "").count("{{") == 9


def test_queries_are_explained_stage_by_stage() -> None:
    """With what they do not tell, and what is refused."""
    text = queries_text([(pack()[name], render_rule(pack()[name], ())) for name in ("K3", "K6")], explain=True)
    assert "# K3 fire\n" in text
    assert "Decode the line and judge it: Secret of a sensitive namespace disclosed." in text
    assert "not told: A request whose end is not in the log" in text
    assert "# K6.flags is not here: `auditFlags`" in text


def test_a_runbook_is_filled_with_what_the_ruler_knows() -> None:
    """The first command that needs nothing else, the query; each value as its place demands; the rest is not known."""
    text = """\
# X

## Meaning
`{{actor}}` read it on {{first_seen}}, with {{ "braces" }}.

## First look
Look at it:

```sh
vedette scan {{file}} --since {{first_seen}}
grep -F {{actor}} log | grep -F {{address}}
```

```logql
{job="kube-audit"} |= "{{object}}"
```
"""
    rule = pack()["K3"]
    document = yaml.safe_load(groups_file([(rule, render_rule(rule, ()))], texts={"K3": text}))
    said = document["groups"][0]["rules"][0]["annotations"]
    assert "read it on (not known), with " + '{{"{{"}} "braces" }}.' in said["description"]
    assert said["first_step"].startswith("grep -F {{ if match `^(-|$)` (")
    assert ") }}ACTOR{{ else }}{{ if match `^[A-Za-z0-9_@%+=:,./-]+$` (" in said["first_step"]
    assert "reReplaceAll `^.*,` ``" in said["first_step"]
    assert said["query"].startswith('{job="kube-audit"} |= "{{ if match `^$` (')
    assert ') }}OBJECT{{ else }}{{ reReplaceAll `(["\\\\])` `\\$1` (' in said["query"]
    assert {"actor", "address", "object", "count", "summary"} <= said.keys()
    assert "runbook_url" not in said
