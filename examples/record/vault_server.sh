#!/bin/bash
# vault_server.sh : one Vault that keeps everything in memory, sealed and not yet initialised.
set -euo pipefail
cd "$WORK"
cat > vault.hcl <<H
disable_mlock = true
ui            = false
api_addr      = "http://10.0.40.20:8200"
storage "inmem" {}
listener "tcp" {
  address     = "10.0.40.20:8200"
  tls_disable = true
}
H
"$BIN/vault" server -config vault.hcl > vault.log 2>&1 &
for _ in $(seq 300); do curl -s -o /dev/null http://10.0.40.20:8200/v1/sys/seal-status && exit 0; sleep 0.2; done
tail -n 5 vault.log >&2
exit 1
