#!/bin/bash
# build.sh COMPONENT FOLDER [BINARY...]: build the binaries of a part, or just those named, into FOLDER.
# Needs Go (1.26.6 is enough for all of them), jq, and modules by way of GOPROXY. On 2 cores with an empty build cache:
# etcd 1 minute, kube-apiserver 4, kube-controller-manager 1 more, vault 9 (VAULT_TAGS=minimal: 5), loki 9, logcli 1,
# promtail 3; an oracle less than 1 after the server whose module it is of.
# Each part's go.mod wraps the real module and carries its replace lines: `go install x@version` refuses a module that
# has any. The modules' licences are their own; nothing of them is part of vedette, and Vault's is BUSL-1.1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
component=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
shift 2
wanted=" $* "
src=$(mktemp -d)
trap 'chmod -R u+w "$src"; rm -rf "$src"' EXIT
cp -r "$here/$component/." "$src"
cd "$src"
if [ -f prepare.sh ]; then bash prepare.sh; fi

build() { # binary package [linker flags] [tags]
  case $wanted in "  " | *" $1 "*) ;; *) return 0 ;; esac
  echo "building $1"
  go build -buildvcs=false -trimpath -ldflags="-s -w ${3:-}" ${4:+-tags "$4"} -o "$out/$1" "$2"
}

case $component in
  etcd)
    build etcd go.etcd.io/etcd/server/v3
    build etcdctl go.etcd.io/etcd/etcdctl/v3
    ;;
  kube-apiserver)
    # Without these the server calls itself v0.0.0-master+$Format, on which kubectl stumbles.
    version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
    minor=${version#v1.}
    flags=
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
      flags="$flags -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
      flags="$flags -X $package.gitTreeState=clean -X $package.gitCommit=none"
    done
    build kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "$flags"
    build kube-controller-manager k8s.io/kubernetes/cmd/kube-controller-manager "$flags"
    if [ -d oracle ]; then build audit-policy-oracle ./oracle; fi
    ;;
  vault)
    # VAULT_TAGS=minimal leaves out file storage and the kubernetes, ldap, database and totp plug-ins.
    build vault github.com/hashicorp/vault "" "${VAULT_TAGS:-}"
    ;;
  loki)
    build loki github.com/grafana/loki/v3/cmd/loki
    build logcli github.com/grafana/loki/v3/cmd/logcli
    if [ -d oracle ]; then build logql-oracle ./oracle; fi
    ;;
  vault-filter)
    build audit-filter-oracle .
    ;;
  promtail)
    build promtail github.com/grafana/loki/v3/clients/cmd/promtail
    ;;
  *)
    echo "unknown part $component" >&2
    exit 2
    ;;
esac
