"""The least rights of the observers: an RBAC manifest for the API server, an ACL policy for Vault or OpenBao.

Each right stands for a request that `observers/kube.py` or `observers/vault.py` makes; the tests against real servers
show that they suffice, and that nothing else is let in.
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
    for text in (name, namespace):
        if not _NAME.match(text):
            raise BadName(f"{text!r}: small letters, digits and dashes are needed, 63 at most")
    return _KUBE.format(name=name, namespace=namespace)


def vault_policy() -> str:
    """HCL of the ACL policy that the token in token_file needs."""
    return _VAULT


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
