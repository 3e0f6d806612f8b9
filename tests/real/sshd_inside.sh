#!/bin/bash
# sshd_inside.sh : a real sshd and rsyslogd in namespaces of their own, three logins, and logrotate in between.
# WORK is an empty folder, HERE the folder of the recording scripts, which make the users, rsyslogd and sshd.
set -euo pipefail
cd "$WORK"
hostname k8s-master
ip link set lo up
for address in 10.0.40.10 10.0.20.10 203.0.113.9; do ip addr add "$address/32" dev lo; done
source "$HERE/own_dev.sh"
bash "$HERE/sshd_server.sh"
key() { # user from
  ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=20 -o LogLevel=ERROR \
    -o BatchMode=yes -o PreferredAuthentications=publickey -o IdentitiesOnly=yes -i "ssh/$1" -b "$2" -l "$1" \
    10.0.40.10 true < /dev/null
}
logged() { # how many: lines of accepted logins that rsyslogd has written by now
  for _ in $(seq 200); do [ "$(cat auth.log* 2> /dev/null | grep -c ': Accepted ')" -ge "$1" ] && return; sleep 0.1; done
  return 1
}
key me 10.0.20.10
key me 203.0.113.9
logged 2
cat > ssh/logrotate.conf <<R
$WORK/auth.log {
  rotate 3
  su root root
  delaycompress
  compress
  postrotate
    kill -HUP $(cat ssh/rsyslogd.pid)
  endscript
}
R
logrotate --force --state "$WORK/ssh/logrotate.state" ssh/logrotate.conf
key dev 203.0.113.9
logged 3
