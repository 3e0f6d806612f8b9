"""Alertmanager's route and receivers for vedette's alerts, whether `vedette watch` posts them or Loki's ruler.

Both call their alerts Vedette…, with `severity` and `source`, and annotate them with the same names, so one route takes
both. Annotations hold log text: the templates take from it what Slack would obey. Alertmanager 0.25 and later read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vedette.escape import yaml

RECEIVER, ITSELF, BEAT = "vedette", "vedette-itself", "vedette-heartbeat"
"""Receivers: alerts, vedette's findings on itself, the dead-man's switch."""
HEARTBEAT = "VedetteHeartbeat"
_ALERTS = 'alertname=~"Vedette.+"'
_SHOWN, _LONGEST = 8, 200
"""Alerts of a message that are shown, and characters of each of their nine texts: with every one of them escaped less
than the 40,000 that Slack takes (docs.slack.dev, chat.postMessage)."""


@dataclass(frozen=True, slots=True)
class Slack:
    """A channel, by an incoming webhook or by an app's bot token. Paths are Alertmanager's."""

    channel: str = "#security"
    webhook_url_file: str = ""
    token_file: str = ""
    """In place of a webhook."""
    api_url: str = "https://slack.com/api"
    """With a token."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Where VedetteHeartbeat goes: a URL that is asked with POST every minute; without one, nowhere."""

    url: str = ""
    url_file: str = ""
    """A file with the URL, where that is a secret; Alertmanager 0.26 and later read one."""


def alertmanager_file(
    slack: Slack, heartbeat: Heartbeat | None = None, *, counts: Sequence[str] = (), fragment: bool = False
) -> str:
    """A whole configuration; as a `fragment` the route and the receivers to put into another.

    `counts`: the documents that Loki's ruler counts.
    """
    route = _route(heartbeat is not None, counts)
    lines = list(_HEAD_FRAGMENT if fragment else _HEAD)
    if fragment:
        lines += ["routes:", *route]
    else:
        lines += ["route:", f"  receiver: {RECEIVER}", "  routes:", *_indented(route, 2)]
    lines += ["receivers:", *_receiver(RECEIVER, slack, resolved=False)]
    # An act that is done is not undone by silence; what vedette says of itself does end, and that is news.
    lines += _receiver(ITSELF, slack, resolved=True)
    if heartbeat is not None:
        lines += _beat(heartbeat)
    return "\n".join([*lines, ""])


_HEAD = (
    "# Rendered by `vedette render alertmanager`, whole: for an Alertmanager that has only vedette's alerts to tell.",
    "# `vedette render alertmanager --check FILE` says whom a file tells; `amtool check-config FILE` whether it loads.",
)
_HEAD_FRAGMENT = (
    "# Rendered by `vedette render alertmanager --fragment`, to be put into an alertmanager.yml:",
    "# the route under route.routes, before any that would take these alerts; the receivers under receivers.",
    "# Then `vedette render alertmanager --check alertmanager.yml` says whom it tells.",
)


def _route(heartbeat: bool, counts: Sequence[str]) -> list[str]:
    """One route for all, as an item of `routes`."""
    beat = (
        f"    - matchers: ['alertname=\"{HEARTBEAT}\"']",
        f"      receiver: {BEAT}",
        "      group_wait: 0s",
        "      # Every minute: of two that are the same every second one would fall out.",
        "      group_interval: 20s",
        "      repeat_interval: 50s",
    )
    # Between quotation marks a backslash would be read otherwise by the matchers of 0.27 and later.
    documents = "|".join(sorted(name.replace(".", "[.]") for name in counts))
    counted = (
        "    # What the ruler counts may fire for 5 s: each is a group of its own, which waits only at its beginning.",
        f"    - matchers: ['document=~\"{documents}\"']",
        "      group_by: ['...']",
        "      repeat_interval: 4h",
    )
    return [
        f"- matchers: ['{_ALERTS}']",
        f"  receiver: {RECEIVER}",
        "  group_by: [alertname, severity, cluster]",
        "  # An alert that begins and ends while its group waits is never told; one of Loki's ruler ends 5 minutes",
        "  # after its line.",
        "  group_wait: 1s",
        "  group_interval: 4m",
        "  repeat_interval: 24h",
        "  routes:",
        *(beat if heartbeat else ()),
        *(counted if counts else ()),
        "    # The watcher's: it bounds storms by itself, so each episode is a group of its own, told at once.",
        "    - matchers: ['entity=~\".+\"']",
        "      group_by: ['...']",
        "      group_interval: 20s",
        "      routes:",
        "        - matchers: ['source=\"vedette\"']",
        f"          receiver: {ITSELF}",
        "          repeat_interval: 4h",
        "        - matchers: ['severity=\"critical\"']",
        "          repeat_interval: 4h",
        "    - matchers: ['severity=\"critical\"']",
        "      group_interval: 1m",
        "      repeat_interval: 4h",
    ]


def _receiver(name: str, slack: Slack, *, resolved: bool) -> list[str]:
    if slack.token_file:
        how = [
            "    # Slack says no with 200 and a word; Alertmanager reads that word from 0.26 on.",
            f"    api_url: {yaml(slack.api_url.rstrip('/') + '/chat.postMessage')}",
            "    http_config:",
            "      authorization:",
            f"        credentials_file: {yaml(slack.token_file)}",
        ]
    else:
        how = [f"    api_url_file: {yaml(slack.webhook_url_file)}"]
    return [
        f"- name: {name}",
        "  slack_configs:",
        f"  - channel: {yaml(slack.channel)}",
        *how,
        f"    send_resolved: {'true' if resolved else 'false'}",
        "    link_names: false",
        "    mrkdwn_in: [pretext]",
        f"    color: {yaml(_COLOR)}",
        *_block("title", _TITLE),
        *_block("title_link", (_URL, '{{ template "url" (index .Alerts 0).Annotations.runbook_url }}')),
        *_block("pretext", _PRETEXT),
        *_block("fallback", _FALLBACK),
        *_block("text", _TEXT),
    ]


def _beat(heartbeat: Heartbeat) -> list[str]:
    if not heartbeat.url and not heartbeat.url_file:
        return [f"- name: {BEAT}  # nobody: no --heartbeat-url and no --heartbeat-url-file was given"]
    at = f"url_file: {yaml(heartbeat.url_file)}" if heartbeat.url_file else f"url: {yaml(heartbeat.url)}"
    return [f"- name: {BEAT}", "  webhook_configs:", f"  - {at}", "    send_resolved: false"]


def _block(name: str, lines: Sequence[str]) -> list[str]:
    return [f"    {name}: |-", *(f"      {line}" for line in lines)]


def _indented(lines: Sequence[str], by: int) -> list[str]:
    return [" " * by + line for line in lines]


# Invisible characters and line ends are shown as one that says so; the three characters that Slack's markup is made of
# become entities (docs.slack.dev/messaging/formatting-message-text), so `<!channel>` and `<url|text>` stay text; and
# an address without its colon is not made a link of. Cut before, never within an entity.
_CLEAN = (
    '{{ define "clean" }}{{ . | reReplaceAll `[\\p{C}\\p{Zl}\\p{Zp}]` "\ufffd" '
    f'| reReplaceAll `^(.{{{_LONGEST}}}).+$` "${{1}}…" '
    '| reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" '
    '| reReplaceAll "://" "[:]//" }}{{ end -}}'
)
# The settings' own, yet whoever may post an alert may write one: within <url|text> these would end it.
_URL = (
    '{{ define "url" }}{{ if . | match `^https?://[^\\s\\p{C}]+$` }}{{ . | reReplaceAll `\\|` "%7C" '
    '| reReplaceAll "<" "%3C" | reReplaceAll ">" "%3E" }}{{ end }}{{ end -}}'
)
_COLOR = (
    '{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "critical" }}danger'
    '{{ else if eq .CommonLabels.severity "warning" }}warning{{ else }}#439FE0{{ end }}'
)
_HEADLINE = (
    '{{ if eq .Status "resolved" }}over: {{ end }}{{ template "clean" .CommonLabels.severity }} '
    '{{ template "clean" .CommonLabels.alertname }}'
    '{{ if .CommonLabels.cluster }} in {{ template "clean" .CommonLabels.cluster }}{{ end }}'
)
_COUNT = "{{ if eq (len .Alerts) 1 }}1 alert{{ else }}{{ len .Alerts }} alerts{{ end }}"
_TITLE = (_CLEAN, f"{_HEADLINE}, {_COUNT}")
_FALLBACK = (_CLEAN, f'{_HEADLINE}: {{{{ template "clean" (index .Alerts 0).Annotations.summary }}}} ({_COUNT})')
_PRETEXT = (
    _URL,
    "{{ with (index .Alerts 0).Annotations.runbook_url }}{{ if match `^https?://[^\\s\\p{C}]+$` . -}}",
    '<{{ template "url" . }}|Runbook>{{ end }}{{ end }}',
)
_TEXT = (
    _CLEAN,
    f"{{{{ range $number, $alert := .Alerts }}}}{{{{ if lt $number {_SHOWN} }}}}{{{{ if $number }}}}",
    "",
    '{{ end }}{{ if eq .Status "resolved" }}over: {{ end }}{{ template "clean" .Annotations.summary }}',
    "{{- with .Annotations }}",
    "{{- if .actor }}",
    'Who: {{ template "clean" .actor }}{{ if .via }} via {{ template "clean" .via }}{{ end }}',
    '{{- if .address }} from {{ template "clean" .address }}{{ end }}{{ end }}',
    "{{- if .object }}",
    'What: {{ template "clean" .object }}{{ if .outcome }} ({{ template "clean" .outcome }}){{ end }}{{ end }}',
    "{{- if .count }}",
    'Count: {{ template "clean" .count }}{{ end }}',
    "{{- if .where }}",
    'Where: {{ template "clean" .where }}{{ end }}',
    "{{- if .why }}",
    'Why: {{ template "clean" .why }}{{ end }}',
    "{{- if .first_step }}",
    'First: {{ template "clean" .first_step }}{{ end }}',
    "{{- end }}{{ end }}{{ end }}",
    f"{{{{- if gt (len .Alerts) {_SHOWN} }}}}",
    "",
    f"{_SHOWN} of {{{{ len .Alerts }}}} are shown.{{{{ end }}}}",
)
