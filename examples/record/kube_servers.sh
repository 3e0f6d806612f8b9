#!/bin/bash
# kube_servers.sh : certificates, tokens, two kubelets that answer exec, etcd, kube-apiserver and controller-manager.
set -euo pipefail
cd "$WORK"
mkdir pki && cd pki
openssl genrsa -out sa.key 2048 2>/dev/null
openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 30 -subj /CN=homelab-ca 2>/dev/null
certificate() { # name subject extension
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out "$1.crt" -extfile <(printf '%s' "$3") 2>/dev/null
}
client=extendedKeyUsage=clientAuth
certificate serving /CN=kube-apiserver 'subjectAltName=IP:127.0.0.1,IP:10.0.40.10,IP:fd00:10::10,DNS:localhost'
certificate kubelet /CN=kubelet 'subjectAltName=IP:10.0.40.11,IP:10.0.40.12'
certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client $client
for node in k8s-node1 k8s-node2; do certificate "$node" "/O=system:nodes/CN=system:node:$node" $client; done
certificate kcm /CN=system:kube-controller-manager $client
certificate admin /O=kubeadm:cluster-admins/CN=kubernetes-admin $client
root_token=$(openssl rand -hex 16)
printf '%s' "$root_token" > root.token
for person in me dev; do openssl rand -hex 16 | tr -d '\n' > $person.token; done
printf '%s,root-admin,uid-root,"system:masters"\n%s,me@example.org,uid-me,"oidc:admins"\n%s,dev@example.org,uid-dev,"oidc:devs"\n' \
  "$root_token" "$(cat me.token)" "$(cat dev.token)" > tokens.csv
cd "$WORK"
cp "$HERE/audit-policy.yaml" audit-policy.yaml

for node in 10.0.40.11 10.0.40.12; do python3 "$HERE/kubelet.py" "$node" pki/kubelet.crt pki/kubelet.key > "kubelet-$node.log" 2>&1 & done
"$BIN/etcd" --data-dir etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster default=http://127.0.0.1:2380 --unsafe-no-fsync --log-level error > etcd.log 2>&1 &
"$BIN/kube-apiserver" --etcd-servers http://127.0.0.1:2379 --bind-address :: --advertise-address 10.0.40.10 --secure-port 6443 \
  --endpoint-reconciler-type none --service-cluster-ip-range 10.96.0.0/12 \
  --tls-cert-file pki/serving.crt --tls-private-key-file pki/serving.key --client-ca-file pki/ca.crt \
  --kubelet-client-certificate pki/apiserver-kubelet-client.crt --kubelet-client-key pki/apiserver-kubelet-client.key \
  --token-auth-file pki/tokens.csv --anonymous-auth=true --authorization-mode Node,RBAC \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-signing-key-file pki/sa.key --service-account-key-file pki/sa.pub \
  --enable-admission-plugins NodeRestriction --allow-privileged=true --profiling=false \
  --audit-policy-file audit-policy.yaml --audit-log-path kube-audit.log --audit-log-mode blocking --audit-log-maxsize 500 \
  > apiserver.log 2>&1 &
root=(-fs --cacert pki/ca.crt -H "Authorization: Bearer $root_token" https://10.0.40.10:6443)
for _ in $(seq 600); do curl "${root[@]}/readyz" > /dev/null 2>&1 && break; sleep 0.2; done
cat > kcm.kubeconfig <<K
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://10.0.40.10:6443", certificate-authority: "$WORK/pki/ca.crt"}}]
users: [{name: u, user: {client-certificate: "$WORK/pki/kcm.crt", client-key: "$WORK/pki/kcm.key"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
K
"$BIN/kube-controller-manager" --kubeconfig kcm.kubeconfig --use-service-account-credentials=true --leader-elect=false \
  --service-account-private-key-file pki/sa.key --root-ca-file pki/ca.crt --bind-address 127.0.0.1 --cert-dir kcm-certs > kcm.log 2>&1 &
# Without the controller-manager the aggregated roles admin, edit and view stay empty.
for _ in $(seq 600); do
  curl "${root[@]}/apis/rbac.authorization.k8s.io/v1/clusterroles/view" 2>/dev/null | grep -q '"resources"' && exit 0
  sleep 0.2
done
tail -n 5 apiserver.log kcm.log >&2
exit 1
