#!/bin/bash
# inside.sh : run by record.sh in namespaces of its own. Makes the network and the host, starts the servers, makes the traffic.
set -euo pipefail
cd "$WORK"
hostname k8s-master
ip link set lo up
# The host and its nodes, the LAN, pods, the tailnet; then the outside (documentation addresses, RFC 5737 and 3849).
for address in 10.0.40.10/32 10.0.40.11/32 10.0.40.12/32 10.0.40.20/32 10.0.20.10/32 10.0.20.31/32 10.0.20.50/32 \
    10.10.1.5/32 10.10.2.14/32 10.10.2.21/32 10.10.3.7/32 10.10.3.9/32 10.10.5.5/32 100.64.3.9/32 \
    203.0.113.9/32 203.0.113.66/32 198.51.100.77/32; do
  ip addr add "$address" dev lo
done
for address in fd00:10::10/128 2001:db8::66/128; do ip -6 addr add "$address" dev lo nodad; done

source "$HERE/own_dev.sh"

step() { echo "$(date -u +%H:%M:%S) $*" >&2; }
step "kube-apiserver, etcd, controller-manager"
bash "$HERE/kube_servers.sh"
step "Vault"
bash "$HERE/vault_server.sh"
step "sshd and rsyslogd"
bash "$HERE/sshd_server.sh"
step "traffic"
python3 "$HERE/kube.py" "$WORK" > kube.out 2>&1 & kube=$!
python3 "$HERE/vault.py" "$WORK" > vault.out 2>&1 & vault=$!
bash "$HERE/sshd.sh" > sshd.out 2>&1 & sshd=$!
failed=0
for job in kube:$kube vault:$vault sshd:$sshd; do
  wait "${job#*:}" || { failed=1; step "${job%%:*} traffic failed:"; tail -n 20 "${job%%:*}.out" >&2; }
done
sleep 2
step "done"
exit $failed
