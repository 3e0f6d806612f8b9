"""The least rights of the observers: an RBAC manifest for the API server, an ACL policy for Vault or OpenBao.

Each right stands for a request that a module of `observers` makes (kube, vault, tracer), or `vedette prove`; the tests
against real servers show that they suffice, and that nothing else is let in.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


class BadName(ValueError):
    """A name that Kubernetes would not take."""


def kube_rights(name: str = "vedette", namespace: str = "vedette") -> str:
    """YAML of a ServiceAccount, a ClusterRole with what is looked at, and their binding. Raises BadName.

    The namespace must be there; the manifest does not make it, so that taking the manifest away does not take it.
    """
    return _named(_KUBE, name, namespace)


def kube_tracer_rights(name: str = "vedette", namespace: str = "vedette") -> str:
    """YAML of a ServiceAccount, the ConfigMap that the tracer reads, and the right to read it. Raises BadName."""
    return _named(_KUBE_TRACER, name, namespace)


def vault_policy() -> str:
    """HCL of the ACL policy that the token in token_file needs."""
    return _VAULT


def vault_tracer_policy() -> str:
    """HCL of the ACL policy that the tracer's token needs; nothing of it keeps it from being the observer's as well."""
    return _VAULT_TRACER


def _named(manifest: str, name: str, namespace: str) -> str:
    for text in (name, namespace):
        if not _NAME.match(text):
            raise BadName(f"{text!r}: small letters, digits and dashes are needed, 63 at most")
    return manifest.format(name=name, namespace=namespace)


_KUBE = """\
# What vedette's observer of an API server needs (observers, kube), and nothing more: it cannot read a Secret.
#   kubectl create namespace {namespace}
#   vedette render rights kube --name {name} --namespace {namespace} | kubectl apply -f -
# Its token, kept from other users of the machine:
#   (umask 077; kubectl -n {namespace} create token {name} --duration=8760h > /etc/vedette/kube.token)
# kube-apiserver may give a shorter one; see its expiry, and renew it from a timer.
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
# A pod that runs as this account gets its token from a volume of its own.
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {name}-observer
rules:
# K7.live and K8.live: what roles and bindings there are, however they came.
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles, clusterrolebindings, rolebindings]
  verbs: [list]
# K10: the counters of lost audit events.
- nonResourceURLs: [/metrics]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {name}-observer
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {name}-observer
subjects:
- kind: ServiceAccount
  name: {name}
  namespace: {namespace}
"""

_VAULT = """\
# What vedette's observer of a Vault or OpenBao node needs (observers, vault), and nothing more: it reads no secret.
#   vedette render rights vault | vault policy write vedette -
# A token of just this policy, kept from other users of the machine. It may not renew itself: an operator does so by its
# accessor (vault token renew -accessor …) before a period is over. vedette says when it is not accepted any more.
#   (umask 077; vault token create -policy=vedette -no-default-policy -orphan -period=768h -field=token \\
#     > /etc/vedette/vault.token)
# sys/seal-status needs no token.

# V7: whether the listeners take X-Forwarded-For from a proxy (vedette prove). Secrets are left out of this answer.
path "sys/config/state/sanitized" {
  capabilities = ["read"]
}

# V2: the audit devices. The path is root-protected: read alone is refused.
path "sys/audit" {
  capabilities = ["read", "sudo"]
}

# The policies' texts, so that one can be restored: the audit log has only their hashes.
path "sys/policies/acl" {
  capabilities = ["list"]
}

path "sys/policies/acl/*" {
  capabilities = ["read"]
}
"""

_KUBE_TRACER = """\
# What vedette's tracer of an API server needs (sources, tracer): to read one ConfigMap of its own, and nothing more.
#   kubectl create namespace {namespace}
#   vedette render rights kube-tracer --name {name} --namespace {namespace} | kubectl apply -f -
# The account may be the observer's as well (vedette render rights kube); one token then does for both.
# The audit policy must log the read, at Metadata or above:
#   - level: Metadata
#     resources: [{{group: "", resources: [configmaps], resourceNames: [vedette-tracer]}}]
#     namespaces: [{namespace}]
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: vedette-tracer
  namespace: {namespace}
data:
  why: vedette reads this on a schedule, to see whether the record of it comes back through the audit log.
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-tracer
  namespace: {namespace}
rules:
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [vedette-tracer]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}-tracer
  namespace: {namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}-tracer
subjects:
- kind: ServiceAccount
  name: {name}
  namespace: {namespace}
"""

_VAULT_TRACER = """\
# What vedette's tracer of a Vault or OpenBao node needs (sources, tracer), and nothing more: to ask for policies that
# are not there, by names that only the audit log sees.
#   vedette render rights vault-tracer | vault policy write vedette-tracer -
#   (umask 077; vault token create -policy=vedette-tracer -no-default-policy -orphan -period=768h -field=token \\
#     > /etc/vedette/vault-tracer.token)
# The observer's token needs nothing of it: it reads all policies already.

path "sys/policies/acl/vedette-tracer-*" {
  capabilities = ["read"]
}
"""
