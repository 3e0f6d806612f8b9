"""Rule files that Loki 3.7.8 loads, and that it refuses with all that stands beside them."""

from __future__ import annotations

_EXPR = "expr: 'sum(count_over_time({job=\"x\"}[1m])) > 0'"
GOOD = f"groups:\n- name: g\n  rules:\n  - {{alert: A, {_EXPR}}}\n"


def _rule(more: str = "", *, group: str = "", begin: str = "alert: A") -> str:
    return f"groups:\n- name: g\n{group}  rules:\n  - {{{begin}, {_EXPR}{more}}}\n"


def _said(text: str, kind: str = "annotations") -> str:
    return _rule(f', {kind}: {{a: "{text}"}}')


LOADED: dict[str, str] = {
    "groups_of_nothing": "groups:\n",
    "empty_map": "{}\n",
    "empty_document": "---\n",
    "second_document": GOOD + "---\ngroups: [{name: }]\n",
    "same_rule_twice": GOOD + f"  - {{alert: A, {_EXPR}}}\n",
    "interval_0s": _rule(group="  interval: 0s\n"),
    "interval_0": _rule(group="  interval: 0\n"),
    "interval_of_nothing": _rule(group="  interval:\n"),
    "interval_of_all": _rule(group="  interval: 1w2d3h4m5s6ms\n"),
    "log_query": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: '{job=\"x\"}'}\n",
    "expr_a_number": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 1}\n",
    "record": _rule(begin='record: "a:b"'),
    "record_for_0": _rule(", for: 0s", begin="record: b"),
    "record_keep": _rule(", keep_firing_for: 1m", begin="record: b"),
    "label_alertname": _rule(", labels: {alertname: c}"),
    "label_a_number": _rule(", labels: {a: 1}"),
    "label_of_nothing": _rule(", labels: {a: }"),
    "label_a_date": _rule(", labels: {a: 2024-01-01}"),
    "template_of_a_missing_field": _said("{{ .Foo }}"),
    "template_range": _said("{{ range $k, $v := $labels }}{{ $k }}{{ end }}"),
    "template_if": _said("{{- if and $value (gt $value 1.5e3) -}} x {{ else if $labels.a }} y {{ else }} z {{ end }}"),
    "template_own_variable": _said("{{ $x := $labels.a }}{{ $x | toUpper | printf `%s %q` `a` }}"),
    "template_comment": _said("{{/* {{ if */}}}} {"),
    "template_functions": _said(
        "{{ humanize $value }}{{ reReplaceAll `a` `b` $labels.c }}{{ externalURL }}{{ len . }}"
    ),
    "template_define": _said("{{ define `x` }}{{ . }}{{ end }}{{ template `x` $value }}"),
    "template_brace_in_text": _said("{{ print `}}` }}"),
    "no_rules": "groups:\n- name: g\n",
    "name_a_number": GOOD.replace("name: g", "name: 1"),
    "anchor": f"groups:\n- name: g\n  rules:\n  - &r {{alert: A, {_EXPR}}}\n  - *r\n",
    "bom": "\ufeff" + GOOD,
    "limit": _rule(group="  limit: -5\n  query_offset: 1m\n  labels: {a-b: c}\n"),
    "rule_of_nothing": "groups:\n- name: g\n  rules:\n  -\n",
    "group_of_nothing": "groups:\n-\n",
}
REFUSED: dict[str, str] = {
    "empty": "",
    "comment": "# x\n",
    "list": "[]\n",
    "text": "hello\n",
    "no_yaml": "groups: {{{\n",
    "unknown_at_top": GOOD + "namespace: x\n",
    "unknown_in_group": _rule(group="  intervall: 1m\n"),
    "unknown_in_rule": _rule(", foo: 1"),
    "same_group_twice": GOOD + GOOD.removeprefix("groups:\n"),
    "interval_unit": _rule(group="  interval: 5x\n"),
    "interval_bare": _rule(group="  interval: 5\n"),
    "interval_empty": _rule(group='  interval: ""\n'),
    "interval_order": _rule(group="  interval: 1m1h\n"),
    "for_with_blank": _rule(", for: 5 m"),
    "no_expr": "groups:\n- name: g\n  rules:\n  - {alert: A}\n",
    "empty_expr": 'groups:\n- name: g\n  rules:\n  - {alert: A, expr: ""}\n',
    "bad_query": "groups:\n- name: g\n  rules:\n  - {alert: A, expr: 'sum('}\n",
    "alert_and_record": _rule(begin="alert: A, record: b"),
    "neither": f"groups:\n- name: g\n  rules:\n  - {{{_EXPR}}}\n",
    "record_annotated": _rule(", annotations: {a: b}", begin="record: b"),
    "record_for": _rule(", for: 1m", begin="record: b"),
    "record_name": _rule(begin="record: a-b"),
    "label_name": _rule(", labels: {a-b: c}"),
    "label_reserved": _rule(", labels: {__name__: c}"),
    "label_a_list": _rule(", labels: {a: [1]}"),
    "labels_a_list": _rule(", labels: [a]"),
    "annotation_name": _rule(", annotations: {a-b: c}"),
    "template_open": _said("{{ $value"),
    "template_variable": _said("{{ $x }}"),
    "template_function": _said("{{ foo 1 }}"),
    "template_in_label": _said("{{ foo }}", "labels"),
    "template_end": _said("{{ if $value }}x"),
    "template_stray_end": _said("x{{ end }}"),
    "template_empty": _said("{{ }}"),
    "template_brackets": _said("{{ print (len $labels }}"),
    "template_break": _said("{{ break }}"),
    "group_without_name": GOOD.replace("name: g", 'name: ""'),
    "group_of_no_name": GOOD.replace("- name: g\n", "- interval: 1m\n"),
    "key_twice": _rule(begin="alert: A, alert: B"),
    "tab": "groups:\n\t- name: g\n",
    "not_utf8": GOOD.replace("A", "\udce9"),
    "limit_a_text": _rule(group="  limit: x\n"),
    "groups_a_map": "groups: {name: g}\n",
    "groups_in_capitals": "Groups: []\n",
    "directive": "%YAML 1.2\n---\n" + GOOD,
    "cortex_key": _rule(group="  source_tenants: [a]\n"),
}


def encoded(text: str) -> bytes:
    """As it stands in the file."""
    return text.encode("utf-8", "surrogateescape")
