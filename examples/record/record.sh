#!/bin/bash
# record.sh OUT : records the example logs anew from a real kube-apiserver, Vault and sshd, into the folder OUT.
#
# BIN must name a folder with etcd, kube-apiserver, kube-controller-manager and vault; kubectl, sshd, rsyslogd, sshpass,
# openssl and python3 are taken from PATH. Needs root, because everything happens in namespaces of its own: the
# addresses (203.0.113.9 and the like, RFC 5737), the users, the host name and every process exist only in there and
# are gone when this script ends.
set -euo pipefail
: "${BIN:?set BIN to the folder of etcd, kube-apiserver, kube-controller-manager and vault}"
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "${1:?usage: record.sh OUT}"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export BIN HERE="$here" WORK="$work"
unshare --net --mount --uts --pid --fork --kill-child --mount-proc bash "$here/inside.sh"
python3 "$here/gather.py" "$work" "$out"
