"""duck.py THREADS tuned|plain CONFIG FILE…: seven stateless Kubernetes rules as one SQL query over one pass of the files.

Explicit columns, networks as integer ranges, bodies as JSON that is looked into only after the cheap tests. `plain` is
the test on addresses as it is first written, `tuned` what looking at profiles makes of it. Prints, as JSON, how many
acts each rule met with outcome done.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import yaml

COLUMNS = {
    "auditID": "VARCHAR",
    "verb": "VARCHAR",
    "requestURI": "VARCHAR",
    "user": "STRUCT(username VARCHAR)",
    "impersonatedUser": "STRUCT(username VARCHAR)",
    "sourceIPs": "VARCHAR[]",
    "objectRef": "STRUCT(resource VARCHAR, namespace VARCHAR, name VARCHAR, subresource VARCHAR, apiGroup VARCHAR)",
    "responseStatus": "STRUCT(code INTEGER)",
    "requestObject": "JSON",
    "responseObject": "JSON",
}
DEFAULTS = Path(__file__).parent.parent / "src" / "vedette" / "settings" / "defaults.yaml"


def listed(values: Iterable[str]) -> str:
    """A SQL list."""
    return "(" + ", ".join("'" + value.replace("'", "''") + "'" for value in values) + ")"


def ranges(settings: dict[str, Any]) -> str:
    """The test that the IPv4 number `n` lies in a network of the settings."""
    networks = [ipaddress.ip_network(text) for texts in settings["networks"].values() for text in texts]
    four = [(int(one.network_address), int(one.broadcast_address)) for one in networks if one.version == 4]
    return " OR ".join(f"n BETWEEN {low} AND {high}" for low, high in four)


def prefixes(settings: dict[str, Any]) -> str:
    """The test that the IPv6 text `a` lies in a network of the settings (those end at a colon)."""
    networks = [ipaddress.ip_network(text) for texts in settings["networks"].values() for text in texts]
    six = [one for one in networks if one.version == 6]
    tests = [
        f"a = '{one.network_address}'"
        if one.prefixlen == 128
        else f"starts_with(a, '{str(one.network_address).rstrip(':')}:')"
        for one in six
    ]
    return " OR ".join(tests) or "false"


def exempt(settings: dict[str, Any], rule: str) -> str:
    """The test that automation of the settings excuses the actor."""
    tests = ["false"]
    for entry in [*yaml.safe_load(DEFAULTS.read_text())["automation"], *settings.get("automation", [])]:
        if entry["rule"] != rule:
            continue
        actors = [entry["actor"]] if isinstance(entry["actor"], str) else entry["actor"]
        test = "(" + " OR ".join(f"username LIKE '{actor.replace('*', '%')}'" for actor in actors) + ")"
        scope = {"cluster": "namespace IS NULL", "named": "namespace IS NOT NULL"}.get(
            entry.get("scope", "any"), "true"
        )
        verbs = f"verb IN {listed(entry['verbs'])}" if "verbs" in entry else "true"
        tests.append(f"({test} AND {scope} AND {verbs})")
    return " OR ".join(tests)


def query(settings: dict[str, Any], files: list[str]) -> str:
    """The whole query."""
    defaults = yaml.safe_load(DEFAULTS.read_text())["sensitive_namespaces"]
    sensitive = {**defaults, **settings.get("sensitive_namespaces", {})}
    owner = settings["owner"]["name"].replace("'", "''")
    rules = {
        "K2": """CASE WHEN username LIKE 'system:serviceaccount:%' OR masked LIKE 'system:serviceaccount:%'
            THEN some_outside(sourceIPs) ELSE false END""",
        "K3": f"""done AND resource = 'secrets' AND verb IN ('get', 'list', 'watch', 'deletecollection', 'patch', 'update')
            AND (namespace IN {listed(sensitive['secrets'])} OR namespace IS NULL) AND username <> '{owner}'
            AND NOT regexp_matches(username, '^system:serviceaccount:({'|'.join(sensitive['secrets'])}):') AND NOT ({exempt(settings, 'K3')})""",
        "K4": f"""done AND username <> '{owner}' AND (
            (namespace IN {listed(sensitive['exec'])} AND resource = 'pods'
             AND ((subresource IN ('exec', 'attach', 'portforward') AND verb IN ('create', 'get'))
                  OR (subresource = 'ephemeralcontainers' AND verb IN ('patch', 'update'))))
            OR (namespace IN {listed(sensitive['exec'])} AND resource IN ('pods', 'services') AND subresource = 'proxy')
            OR (resource = 'nodes' AND subresource = 'proxy'
                AND regexp_matches(url_decode(requestURI), '/proxy/((exec|run|attach|portForward)/({'|'.join(sensitive['exec'])})/|cri/)')))""",
        "K6": """done AND resource = 'configmaps' AND namespace = 'kube-system' AND name = 'kubeadm-config' AND verb IN ('create', 'update', 'patch')
            AND regexp_matches(requestObject::VARCHAR, 'ClusterConfiguration|audit-(policy|log|webhook)') AND NOT contains(requestURI, 'dryRun=')""",
        "K7": """done AND resource = 'clusterroles' AND apiGroup = 'rbac.authorization.k8s.io' AND verb IN ('create', 'update', 'patch')
            AND NOT contains(requestURI, 'dryRun=')
            AND len(list_filter(from_json(responseObject->'rules', '[{"verbs":["VARCHAR"],"resources":["VARCHAR"]}]'),
                    lambda r: list_contains(r.verbs, '*') AND list_contains(r.resources, '*'))) > 0
            AND NOT (username = 'system:apiserver' AND responseObject->>'$.metadata.labels."kubernetes.io/bootstrapping"' = 'rbac-defaults')""",
        "K8": """done AND resource IN ('rolebindings', 'clusterrolebindings') AND apiGroup = 'rbac.authorization.k8s.io'
            AND verb IN ('create', 'update', 'patch') AND NOT contains(requestURI, 'dryRun=')
            AND len(list_intersect(responseObject->>'$.subjects[*].name', ['system:anonymous', 'system:unauthenticated'])) > 0
            AND NOT (username = 'system:apiserver' AND name = 'system:public-info-viewer')""",
        "K9": f"CASE WHEN username = '{owner}' THEN some_outside(sourceIPs) ELSE masked = '{owner}' END",
    }  # fmt: skip
    tests = ",\n".join(f"({test}) AS {rule}" for rule, test in rules.items())
    columns = json.dumps(COLUMNS).replace('"', "'")
    return f"""
    WITH events AS (
      SELECT auditID, verb, requestURI, sourceIPs, requestObject, responseObject, "user".username AS username,
             impersonatedUser.username AS masked, objectRef.resource AS resource, objectRef.namespace AS namespace,
             objectRef.name AS name, objectRef.subresource AS subresource, objectRef.apiGroup AS apiGroup,
             responseStatus.code BETWEEN 100 AND 399 AS done
      FROM read_json({json.dumps(files).replace('"', "'")}, format = 'newline_delimited', columns = {columns})
    ), judged AS (SELECT auditID, {tests} FROM events WHERE {" OR ".join(rules.values())})
    SELECT {", ".join(f"count(DISTINCT auditID) FILTER ({rule}) AS {rule}" for rule in rules)} FROM judged
    """


def macros(settings: dict[str, Any], number: str, *, tuned: bool) -> list[str]:
    """The test that some address of a list is outside; `number` is an IPv4 address `a` as a number."""
    if not tuned:
        outside = f"NOT (CASE WHEN contains(a, ':') THEN {prefixes(settings)} ELSE in_v4({number}) END)"
        return [
            f"CREATE MACRO in_v4(n) AS ({ranges(settings)})",
            f"CREATE MACRO outside(a) AS {outside}",
            "CREATE MACRO some_outside(addresses) AS len(list_filter(addresses, lambda one: outside(one))) > 0",
        ]
    # A macro is put in as text, so the test on several ranges would make the number anew for each of them; nearly every
    # list has one address, which needs no lambda over text. -1 is inside, -2 outside, both for IPv6.
    inside = f"n = -1 OR {ranges(settings)}"
    return [
        (
            f"CREATE MACRO number_of(a) AS CASE WHEN contains(a, ':') THEN CASE WHEN {prefixes(settings)} THEN -1 ELSE -2 END"
            f" ELSE {number} END"
        ),
        (
            "CREATE MACRO some_outside(addresses) AS CASE WHEN len(addresses) = 1"
            f" THEN list_contains(list_transform([number_of(addresses[1])], lambda n: {inside}), false)"
            f" ELSE len(list_filter(list_transform(addresses, lambda a: number_of(a)), lambda n: NOT ({inside}))) > 0 END"
        ),
    ]


def main(threads: int, config: str, files: list[str], *, tuned: bool) -> None:
    """Run the query; prints the counts."""
    settings = yaml.safe_load(Path(config).read_text())
    database = duckdb.connect(":memory:", config={"threads": threads})
    octet = "try_cast(split_part(a, '.', {}) AS BIGINT)"
    number = " + ".join(f"{octet.format(at)} * {1 << shift}" for at, shift in ((1, 24), (2, 16), (3, 8), (4, 0)))
    for macro in macros(settings, number, tuned=tuned):
        database.execute(macro)
    answer = database.execute(query(settings, files))
    names = [column[0] for column in answer.description or ()]
    print(json.dumps(dict(zip(names, answer.fetchone() or (), strict=True))))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[3], sys.argv[4:], tuned=sys.argv[2] == "tuned")
