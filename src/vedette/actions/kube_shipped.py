"""The roles and bindings that came with Kubernetes, which it may need.

By their whole names, as kube-apiserver 1.34 makes them at its start and kubeadm 1.34 besides. A prefix (`system:`) or a
label would keep an attacker's binding: anybody who may write one may give it either. A name that is here already is
taken, so that nobody else can have it. One of an older or newer Kubernetes that is not here can be deleted, and made
again by undo.
"""

from __future__ import annotations

_NAMES = """
    admin cluster-admin edit extension-apiserver-authentication-reader
    system::extension-apiserver-authentication-reader system::leader-locking-kube-controller-manager
    system::leader-locking-kube-scheduler system:aggregate-to-admin system:aggregate-to-edit
    system:aggregate-to-view system:auth-delegator system:basic-user system:discovery system:heapster
    system:kube-aggregator system:kube-controller-manager system:kube-dns system:kube-scheduler
    system:kubelet-api-admin system:monitoring system:node system:node-bootstrapper
    system:node-problem-detector system:node-proxier system:persistent-volume-provisioner
    system:public-info-viewer system:service-account-issuer-discovery system:volume-scheduler view
"""

_CONTROLLERS = """
    attachdetach-controller bootstrap-signer certificate-controller cloud-provider
    clusterrole-aggregation-controller cronjob-controller daemon-set-controller deployment-controller
    disruption-controller endpoint-controller endpointslice-controller endpointslicemirroring-controller
    ephemeral-volume-controller expand-controller generic-garbage-collector horizontal-pod-autoscaler
    job-controller legacy-service-account-token-cleaner namespace-controller node-controller
    persistent-volume-binder pod-garbage-collector pv-protection-controller pvc-protection-controller
    replicaset-controller replication-controller resource-claim-controller resourcequota-controller
    root-ca-cert-publisher route-controller selinux-warning-controller service-account-controller
    service-cidrs-controller service-controller statefulset-controller token-cleaner
    ttl-after-finished-controller ttl-controller validatingadmissionpolicy-status-controller
    volumeattributesclass-protection-controller
"""

_CERTIFICATES = """
    certificatesigningrequests:nodeclient certificatesigningrequests:selfnodeclient
    kube-apiserver-client-approver kube-apiserver-client-kubelet-approver kubelet-serving-approver
    legacy-unknown-approver
"""

_KUBEADM = """
    bootstrap-signer-clusterinfo cluster-admins get-nodes kubelet-bootstrap kubelet-config node-autoapprove-bootstrap
    node-autoapprove-certificate-rotation node-proxier nodes-kubeadm-config
"""

SHIPPED = frozenset(
    {
        *_NAMES.split(),
        *(f"system:controller:{name}" for name in _CONTROLLERS.split()),
        *(f"system:certificates.k8s.io:{name}" for name in _CERTIFICATES.split()),
        *(f"kubeadm:{name}" for name in _KUBEADM.split()),
    }
)
"""Whole names."""
