"""The least rights of drills: a manifest for the API server, and for Vault or OpenBao a policy, a role and a mount.

Each right stands for a request of `drills/kube.py` or `drills/vault.py`; the tests against real servers show that they
suffice, and that one less does not.
"""

from __future__ import annotations

import re

from vedette.render.rights import BadName

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


def kube_drill_rights(name: str, namespace: str, secret: str, pod: str) -> str:
    """YAML of all that drills need at an API server. `secret`: NAMESPACE/NAME of the decoy; `pod`: the same of an own
    pod for K4, or nothing. Raises BadName."""
    decoy_namespace, _, decoy = secret.partition("/")
    pod_namespace, _, pod_name = pod.partition("/")
    for text in (name, namespace, decoy_namespace, decoy, *((pod_namespace, pod_name) if pod else ())):
        if not _NAME.match(text):
            raise BadName(f"{text!r}: small letters, digits and dashes are needed, 63 at most")
    words = {"name": name, "namespace": namespace, "decoy_namespace": decoy_namespace, "decoy": decoy}
    text = _KUBE.format(**words)
    return text + (_POD.format(**words, pod_namespace=pod_namespace, pod=pod_name) if pod else "")


def vault_drill_rights(name: str) -> str:
    """HCL of the ACL policy that the drills' token needs; how the role and the mount are made stands in its comments.
    Raises BadName."""
    if not _NAME.match(name):
        raise BadName(f"{name!r}: small letters, digits and dashes are needed, 63 at most")
    return _VAULT.replace("@NAME@", name)


_KUBE = """\
# What `vedette drill` needs at an API server (K2, K3, K4, K5, K7, K8), and nothing more.
#   vedette render rights kube-drill | kubectl apply -f -
#   (umask 077; kubectl -n {namespace} create token {name} --duration=720h > /etc/vedette/drill.token)
# Each drill makes a service account of its own in this namespace, whose name the alert then shows; all accounts of the
# namespace have the rights below, so nobody else should be able to make any there.
apiVersion: v1
kind: Namespace
metadata:
  name: {namespace}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
automountServiceAccountToken: false
---
# A decoy. It holds nothing.
apiVersion: v1
kind: Secret
metadata:
  name: {decoy}
  namespace: {decoy_namespace}
stringData:
  decoy: nothing
---
# Of the drill account alone: the drills' own accounts.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-accounts
  namespace: {namespace}
rules:
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [create, get, delete]
- apiGroups: [""]
  resources: [serviceaccounts/token]
  verbs: [create]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}-accounts
  namespace: {namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}-accounts
subjects:
- kind: ServiceAccount
  name: {name}
  namespace: {namespace}
---
# K5: six ConfigMaps. K8, K10: a binding, which can give nothing that its maker has not.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}
  namespace: {namespace}
rules:
- apiGroups: [""]
  resources: [configmaps]
  verbs: [create, get, delete]
- apiGroups: [rbac.authorization.k8s.io]
  resources: [rolebindings]
  verbs: [create, get, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}
  namespace: {namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:serviceaccounts:{namespace}
---
# K8: what system:anonymous is bound to for a moment.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-nothing
  namespace: {namespace}
rules: []
---
# K3: the decoy, and no other Secret.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-decoy
  namespace: {decoy_namespace}
rules:
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{decoy}]
  verbs: [get]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}-decoy
  namespace: {decoy_namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}-decoy
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:serviceaccounts:{namespace}
---
# K7: a ClusterRole without rules, which a drill fills for a moment. Nobody is bound to it, and no right here binds.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {name}
rules: []
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {name}-fill
rules:
- apiGroups: [rbac.authorization.k8s.io]
  resources: [clusterroles]
  resourceNames: [{name}]
  verbs: [get, patch, escalate]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: {name}-fill
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {name}-fill
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:serviceaccounts:{namespace}
"""

_POD = """\
---
# K4: a pod that does nothing, in a sensitive namespace, and the right to run a command in it alone.
apiVersion: v1
kind: Pod
metadata:
  name: {pod}
  namespace: {pod_namespace}
spec:
  automountServiceAccountToken: false
  containers:
  - name: nothing
    image: busybox:1.37
    command: [sh, -c, "while :; do sleep 3600; done"]
    resources:
      limits: {{cpu: 10m, memory: 16Mi}}
    securityContext:
      allowPrivilegeEscalation: false
      capabilities: {{drop: [ALL]}}
      readOnlyRootFilesystem: true
      runAsNonRoot: true
      runAsUser: 65534
      seccompProfile: {{type: RuntimeDefault}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {name}-exec
  namespace: {pod_namespace}
rules:
- apiGroups: [""]
  resources: [pods/exec]
  resourceNames: [{pod}]
  # Over a WebSocket it is a get; from 1.35 on that needs create as well.
  verbs: [get, create]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {name}-exec
  namespace: {pod_namespace}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {name}-exec
subjects:
- apiGroup: rbac.authorization.k8s.io
  kind: Group
  name: system:serviceaccounts:{namespace}
"""

_VAULT = """\
# What `vedette drill` needs at a Vault or OpenBao (V4, V5, V6), and nothing more.
#   vedette render rights vault-drill | vault policy write @NAME@ -
# V6: a role that grants a policy which there is not, and which must never be written:
#   vault write auth/token/roles/@NAME@ allowed_policies=@NAME@-more token_no_default_policy=true \\
#     token_explicit_max_ttl=60s renewable=false
# V5: a mount without users, where logins fail:
#   vault auth enable -path=@NAME@ userpass
# A token of just this policy, kept from other users of the machine:
#   (umask 077; vault token create -policy=@NAME@ -no-default-policy -orphan -period=768h -field=token \\
#     > /etc/vedette/drill-vault.token)

# Each drill has a token of its own, which is called like the drill, has no right besides these, and ends with it.
path "auth/token/create" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# Whether such a token is gone.
path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}

# V4: a policy that allows nothing, and can be given no other text.
path "sys/policies/acl/vedette-drill-*" {
  capabilities = ["create", "update", "read", "delete"]
  allowed_parameters = {
    "policy" = ["# vedette drill: nothing is allowed"]
  }
}

# V6.
path "auth/token/create/@NAME@" {
  capabilities = ["update"]
}
"""
