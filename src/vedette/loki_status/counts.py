"""What the ruler and the rest of Loki count, and whether the Alertmanager answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from vedette.clients.loki_ruler import Config, Sample
from vedette.loki_status.base import Check, RulerSeen, State, Unasked, total

_LONG = ("kube_audit", "vault_audit")
"""Formats whose lines may be long."""
_REASONS = 8
"""Reasons that are told of."""
# The reasons of loki_discarded_samples_total, Loki 3.7.8, pkg/validation/validate.go.
_REFUSED: Mapping[str, tuple[str, str]] = {
    "line_too_long": ("an event of a big object is not there for any rule", "set limits_config.max_line_size to 1MB"),
    "greater_than_max_sample_age": (
        "they came later than Loki takes them",
        "see why the shipper was behind, and that it sends the event's own time; raise reject_old_samples_max_age",
    ),
    "too_far_in_future": (
        "their time lies ahead",
        "set the clocks right; see how the shipper reads the time; raise creation_grace_period",
    ),
    "rate_limited": ("they came too fast", "raise limits_config.ingestion_rate_mb and ingestion_burst_size_mb"),
    "per_stream_rate_limit": ("they came too fast for one stream", "raise limits_config.per_stream_rate_limit"),
    "stream_limit": (
        "there were too many streams",
        "take labels of many values away, or raise max_global_streams_per_user",
    ),
    "out_of_order": ("they were out of order", "leave limits_config.unordered_writes on"),
    "too_far_behind": ("they were more than an hour behind their stream", "give each writer a stream of its own"),
}


def ruler_checks(seen: RulerSeen) -> Iterator[Check]:
    """What the ruler counts: whether it runs, has taken up the last change, fails, and gets rid of its alerts."""
    if isinstance(seen.metrics, Unasked):
        yield Check(
            "ruler",
            State.UNKNOWN,
            f"its metrics could not be asked for: {seen.metrics.why}",
            "they tell of failed evaluations, of alerts that were not delivered and of lines that were refused",
            "let /metrics through, or name the ruler's own address with --ruler",
        )
        return
    managers = total(seen.metrics, "loki_ruler_managers_total")
    if managers is None:
        yield Check(
            "ruler",
            State.UNKNOWN,
            "these metrics are of a part of Loki that has no ruler",
            "the ruler's own tell of failed evaluations and of alerts that were not delivered",
            "name the ruler's address with --ruler",
        )
        return
    if not managers:
        yield Check(
            "ruler",
            State.WRONG,
            "the ruler runs for no tenant",
            "no rule is evaluated",
            "see what is said of rules; else read its log",
        )
        return
    reloaded = total(seen.metrics, "loki_ruler_config_last_reload_successful", user=seen.tenant)
    if reloaded == 0:
        yield Check(
            "ruler",
            State.WRONG,
            "the ruler could not take up the last change of its rules",
            "what was loaded before runs on; after a start there is nothing",
            "read its log for the file and the fault, then mend that file",
        )
    elif reloaded:
        yield Check("ruler", State.OK, f"the ruler runs for tenant {seen.tenant} and has taken up its rules")
    else:
        yield Check(
            "ruler",
            State.WRONG,
            f"the ruler runs, and not for tenant {seen.tenant}",
            "no rule of this tenant is evaluated by it",
            "another ruler may: name its address with --ruler; or another --tenant has the rules",
        )
    yield from _notifications(seen.metrics, seen.tenant)


def _notifications(metrics: Sequence[Sample], tenant: str) -> Iterator[Check]:
    name = "loki_prometheus_notifications_"
    known = total(metrics, f"{name}alertmanagers_discovered", user=tenant)
    if known is None:
        return
    if not known:
        yield Check(
            "notifications",
            State.WRONG,
            "the ruler knows no Alertmanager",
            "rules fire, and nobody is told",
            "set ruler.alertmanager_url; in the Helm chart's values that is loki.rulerConfig.alertmanager_url",
        )
        return
    sent, errors, dropped, queued = (
        int(total(metrics, f"{name}{one}", user=tenant) or 0)
        for one in ("sent_total", "errors_total", "dropped_total", "queue_length")
    )
    room = total(metrics, f"{name}queue_capacity", user=tenant) or 0
    if errors or dropped:
        yield Check(
            "notifications",
            State.WRONG,
            f"of {sent} alerts sent since the ruler's start {errors} met an error, and {dropped} were dropped",
            "whoever they were for was not told, or late",
            "see what is said of alertmanager, and the ruler's log for the answer it got",
        )
    if room and queued * 2 > room:
        yield Check(
            "notifications",
            State.WRONG,
            f"{queued} alerts wait in a queue that holds {room:.0f}",
            "the oldest are dropped when it is full",
            "Alertmanager is too slow or gone: see what is said of alertmanager",
        )
    if not errors and not dropped and queued * 2 <= room:
        yield Check("notifications", State.OK, f"{sent} alerts were sent since the ruler's start, none with an error")


def discard_checks(metrics: Sequence[Sample] | Unasked, tenant: str) -> Iterator[Check]:
    """The lines that Loki refused."""
    if isinstance(metrics, Unasked):
        return  # The ruler's own check says that there are no metrics.
    counted: Counter[str] = Counter()
    for one in metrics:
        if one.name == "loki_discarded_samples_total" and one.labels.get("tenant") == tenant:
            counted[one.labels.get("reason", "")] += int(one.value)
    for reason, count in counted.most_common(_REASONS):
        if count:
            why, mend = _REFUSED.get(reason, ("no rule sees them", "look at the reason in Loki's documentation"))
            lines = "1 line was" if count == 1 else f"{count} lines were"
            yield Check(
                "discarded",
                State.WRONG,
                f"{lines} refused since Loki's start, of any stream: {reason}",
                why,
                mend,
                _LONG if reason == "line_too_long" else (),
            )
    if counted.total():
        return
    if total(metrics, "loki_distributor_replication_factor") is None:
        yield Check(
            "discarded",
            State.UNKNOWN,
            "these metrics are of a part of Loki that takes no lines in",
            "how many lines were refused is not known",
            "look at loki_discarded_samples_total of the distributors",
        )
    else:
        yield Check("discarded", State.OK, f"no line of tenant {tenant} was refused since Loki's start")


def alertmanager_checks(
    config: Config | Unasked, answers: Mapping[str, str], metrics: Sequence[Sample] | Unasked, tenant: str
) -> Iterator[Check]:
    """Whether the Alertmanagers of the ruler answer. `answers`: what is shown of a URL -> nothing, or why not."""
    sent = errors = 0.0
    if not isinstance(metrics, Unasked):
        sent = total(metrics, "loki_prometheus_notifications_sent_total", user=tenant) or 0
        errors = total(metrics, "loki_prometheus_notifications_errors_total", user=tenant) or 0
    for url, why in answers.items():
        if not why:
            yield Check("alertmanager", State.OK, f"{url} answers from here")
        else:
            yield Check(
                "alertmanager",
                State.UNKNOWN,
                f"{url} could not be reached from here: {why}",
                f"the ruler's own count: {sent:.0f} alerts sent, {errors:.0f} errors",
                "ask it from where the ruler runs; see that ruler.alertmanager_url is right and it is up",
            )
    if isinstance(config, Unasked):
        yield Check(
            "alertmanager",
            State.UNKNOWN,
            f"which Alertmanager the ruler tells could not be asked: {config.why}",
            "",
            "let /config through, or name the address of the ruler itself with --ruler",
        )
    elif not config.alertmanagers:
        known = (
            None
            if isinstance(metrics, Unasked)
            else total(metrics, "loki_prometheus_notifications_alertmanagers_discovered", user=tenant)
        )
        # Metrics of a part of Loki that has no ruler say nothing of whom the ruler tells.
        has_ruler = isinstance(metrics, Unasked) or total(metrics, "loki_ruler_managers_total") is not None
        if not known:
            yield Check(
                "alertmanager",
                State.WRONG if known == 0 or has_ruler else State.UNKNOWN,
                "ruler.alertmanager_url is empty",
                "rules fire, and nobody is told",
                "set it to Alertmanager's base URL; in the Helm chart's values under loki.rulerConfig, not loki.ruler",
            )
