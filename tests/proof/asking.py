"""What the tests of the proof ask with: the pack's rules, small policies, and a policy under which all rules can fire."""

from __future__ import annotations

from functools import lru_cache

from vedette import app
from vedette.cases import SETTINGS, RulesUnder
from vedette.proof.apiserver import ApiServer
from vedette.proof.links.base import Given
from vedette.proof.links.emitted import Emitted
from vedette.proof.naming import Naming
from vedette.proof.policy_reading import read_policy
from vedette.proof.verdict import LinkResult
from vedette.rule import Rule

HEALTHY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
  - level: None
    users: [system:kube-scheduler]
    verbs: [get, list, watch]
    resources: [{group: "", resources: [nodes, pods]}]
  - level: None
    users: [system:anonymous]
    nonResourceURLs: [/healthz*, /livez*, /readyz*]
  - level: RequestResponse
    verbs: [create, update, patch]
    resources: [{group: rbac.authorization.k8s.io, resources: [clusterroles, roles, clusterrolebindings, rolebindings]}]
  - level: Request
    verbs: [create, update, patch]
    resources: [{group: "", resources: [configmaps, pods]}]
    namespaces: [kube-system]
  - level: Request
    verbs: [deletecollection]
    resources: [{group: "", resources: [pods, secrets, configmaps]}]
  - level: Metadata
    resources: [{group: "", resources: [secrets, serviceaccounts/token]}]
    omitStages: [RequestReceived]
  - level: Metadata
"""
"""Small, and every rule of the pack that reads the audit log can fire under it."""


@lru_cache(maxsize=1)
def rules() -> dict[str, Rule]:
    """The pack under the settings of the cases, by name."""
    return {rule.name: rule for rule in app.load_rules(app.load_settings(str(SETTINGS))).rules}


@lru_cache(maxsize=1)
def rules_under() -> RulesUnder:
    """The pack under any settings, each read once."""
    return app.rules_under()


def emitted(
    rule: Rule | str, text: str, naming: Naming | None = None, apiserver: ApiServer | None = None
) -> LinkResult:
    """The link of one rule under a policy. Raises PolicyError."""
    subject = rules()[rule] if isinstance(rule, str) else rule
    given = Given(rules_under(), read_policy(text, "policy.yaml"), apiserver or ApiServer(), naming or Naming({}, {}))
    return Emitted(given).check(subject)
